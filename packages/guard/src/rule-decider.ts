/** For a resource server without a policy engine: a rule of its own, in code. */
import { newId, type Random } from '@credence/kit'
import type { CallerFacts, Operation } from '@credence/model'
import type { Decider } from './ports.ts'

export interface Ruling {
  readonly allow: boolean
  /** One sentence that may be shown to the caller. */
  readonly reason: string
}

export const createRuleDecider = (
  rule: (operation: Operation, caller: CallerFacts) => Ruling | Promise<Ruling>,
  { random, version }: { readonly random: Random; readonly version: string },
): Decider => ({
  decide: async (operation, caller) => {
    const { allow, reason } = await rule(operation, caller)
    return {
      id: newId('dec', random),
      effect: allow === true ? 'granted' : 'refused',
      policies: ['rule'],
      policyVersion: version,
      reason,
      errors: [],
      obligations: [],
    }
  },
})
