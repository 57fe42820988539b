import type { AuthorizationDetail, AuthorizationDetails } from '@credence/model'

const covers = (allowed: AuthorizationDetail, asked: AuthorizationDetail): boolean =>
  allowed.type === asked.type &&
  allowed.locations[0] === asked.locations[0] &&
  asked.tools.every((tool) => allowed.tools.includes(tool))

/** INVARIANT: an empty request is not "everything": it is a subset only of an empty allowance. */
export const isSubsetOfDetails = (asked: AuthorizationDetails, allowed: AuthorizationDetails): boolean =>
  (asked.length > 0 || allowed.length === 0) && asked.every((detail) => allowed.some((one) => covers(one, detail)))
