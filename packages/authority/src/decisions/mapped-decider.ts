/**
 * The domain's own decision on a call of a tool that has a mapping in the registry (COAZ-MCP): the policies are asked about
 * the call, as always, and about everything that the mapping says the call is about.
 *
 * INVARIANT: granted only if every one of these answers is yes, all by one version of the policies. A mapping can take rights
 * away and give none.
 */
import type { Decider } from '@credence/guard'
import type { Clock } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import type { PolicyDecider, RegistryView } from '@credence/policy'
import type { AlsoAsked } from './mapped-questions.ts'

export interface MappedDeciderOptions {
  readonly decider: Pick<PolicyDecider, 'decide' | 'snapshot'>
  readonly registry: RegistryView
  readonly issuer: string
  readonly clock: Pick<Clock, 'now'>
  /** The mapping of a tool in the registry; the same object until it changes. */
  readonly find: (resource: string, tool: string) => JsonObject | undefined
}

export const createMappedDecider = (options: MappedDeciderOptions): Decider => {
  const { decider, find } = options
  let loaded: Promise<AlsoAsked> | undefined
  const questions = (): Promise<AlsoAsked> => {
    loaded ??= import('./mapped-questions.ts').then(({ mappedQuestions }) => mappedQuestions(options))
    return loaded
  }
  return {
    decide: (operation, caller) => {
      // In the same turn as the decision, so of the same version.
      const { snapshot } = decider
      const given = decider.decide(operation, caller)
      if (operation.method !== 'tools/call' || find(operation.resource, operation.name) === undefined) return given
      return Promise.all([questions(), given]).then(([alsoAsked, own]) => alsoAsked(own, snapshot, operation, caller))
    },
  }
}
