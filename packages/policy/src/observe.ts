/**
 * A resource whose policies are observed and not enforced: decided and recorded, and then done all the same.
 *
 * INVARIANT: what is not enforced is the decision of the folder's policies, and nothing else. It takes a person's grant that
 * covers the operation, a key that was proven, and a system set that does not object. Whoever acts for itself has no
 * grant behind it, so that the policies are all that bounds it: they are enforced.
 */
import { type CallerFacts, type Decision, grantCovers, type Operation } from '@credence/model'
import type { Verdict } from './compile/program.ts'
import { actsForItself } from './facts/question.ts'
import type { RegistryView } from './registry-view.ts'

const isSystem = (policy: string): boolean => policy.startsWith('system.')

/** Forbids that hold are all named, so a system policy that objects, or that could not be asked, is among these. */
const systemObjects = ({ allow, reasons, errors }: Verdict): boolean =>
  (!allow && reasons.some(isSystem)) || errors.some(({ policy }) => isSystem(policy))

export const isPlainYes = ({ effect, obligations }: Decision): boolean =>
  effect === 'granted' && obligations.length === 0

/** Is all there that must be there beside the policies, and does the registry say that these are observed? */
export const mayObserve = (
  operation: Pick<Operation, 'resource' | 'method' | 'name'>,
  caller: CallerFacts,
  registry: Pick<RegistryView, 'server'>,
): boolean => {
  const granted = grantCovers(caller.authorizationDetails, operation) && !actsForItself(caller)
  if (!granted || caller.proof === 'none') return false
  const server = registry.server(operation.resource)
  return server?.observe === true && server.resource === operation.resource
}

export const asObserved = (decision: Decision): Decision => ({
  ...decision,
  effect: 'granted',
  reason: `Observed, not enforced: ${decision.reason}`,
  obligations: [],
  observed: decision.effect,
})

/** `decision`: of the policies, on an operation that is not one on the authority, and no plain yes. */
export const observed = (
  decision: Decision,
  verdict: Verdict,
  operation: Operation,
  caller: CallerFacts,
  registry: Pick<RegistryView, 'server'>,
): Decision => (!systemObjects(verdict) && mayObserve(operation, caller, registry) ? asObserved(decision) : decision)
