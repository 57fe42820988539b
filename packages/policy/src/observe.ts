/**
 * A resource whose policies are observed and not enforced: decided and recorded, and then done all the same.
 *
 * INVARIANT: what is not enforced is the decision of the folder's policies, and nothing else. It takes a person's grant that
 * covers the operation, a key that was proven, and a system set that does not object. Whoever acts for itself has no
 * grant behind it, so that the policies are all that bounds it: they are enforced.
 */
import type { CallerFacts, Decision } from '@credence/model'
import type { Verdict } from './compile/program.ts'
import type { RegistryView } from './registry-view.ts'

const isSystem = (policy: string): boolean => policy.startsWith('system.')

/** Forbids that hold are all named, so a system policy that objects, or that could not be asked, is among these. */
const systemObjects = ({ allow, reasons, errors }: Verdict): boolean =>
  (!allow && reasons.some(isSystem)) || errors.some(({ policy }) => isSystem(policy))

export const isPlainYes = ({ effect, obligations }: Decision): boolean =>
  effect === 'granted' && obligations.length === 0

export interface Observable {
  readonly resource: string
  readonly caller: Pick<CallerFacts, 'proof'>
  /** A person's grant covers the operation. */
  readonly granted: boolean
  readonly verdict: Verdict
}

/** `decision`: of the policies, on an operation that is not one on the authority, and no plain yes. */
export const observed = (
  decision: Decision,
  { resource, caller, granted, verdict }: Observable,
  registry: Pick<RegistryView, 'server'>,
): Decision => {
  if (!granted || caller.proof === 'none' || systemObjects(verdict)) return decision
  const server = registry.server(resource)
  if (server?.observe !== true || server.resource !== resource) return decision
  return {
    ...decision,
    effect: 'granted',
    reason: `Observed, not enforced: ${decision.reason}`,
    obligations: [],
    observed: decision.effect,
  }
}
