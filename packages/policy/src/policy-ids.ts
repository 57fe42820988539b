/** What may be the id of a policy. */
import type { PolicyOrigin } from './snapshot.ts'

const SYSTEM_PREFIX = 'system.'
const ID_LIMIT = 128

/** Ids are shown, recorded and compared: short, visible, unique, and nobody but us begins them with `system.`. */
export const idProblem = (id: string, origin: PolicyOrigin, taken: ReadonlySet<string>): string | undefined => {
  if (id.length === 0 || id.length > ID_LIMIT || !/^[\x21-\x7e]+$/.test(id)) {
    return `The id of a policy is 1 to ${ID_LIMIT} visible ASCII characters without spaces.`
  }
  if (origin === 'user' && id.startsWith(SYSTEM_PREFIX))
    return `Ids beginning with "${SYSTEM_PREFIX}" are kept for system policies.`
  return taken.has(id) ? `Another policy has the id "${id}" already.` : undefined
}
