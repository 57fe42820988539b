/** What may be asked for: narrower than what was allowed, never wider, and only where it is known. */
import { type AuthorizationDetail, AuthorizationDetails } from '@credence/model'
import type { RequestedAuthority } from '@credence/protocol/oauth'
import { oauthRefused } from '@credence/protocol/oauth'
import type { ClientView } from '../ports.ts'
import { isSubsetOfDetails } from './subset.ts'

/** RFC 8707 section 2.2: at most one resource here, and it must be the one that was allowed. */
export const oneResource = (authority: RequestedAuthority, allowed: string | undefined): string => {
  const [resource, ...more] = authority.resources
  if (more.length > 0) throw oauthRefused('invalid_target', 'resource_repeated', 'Ask for one resource at a time.')
  if (allowed === undefined) {
    if (resource === undefined) throw oauthRefused('invalid_target', 'resource_missing', 'resource is missing.')
    return resource
  }
  if (resource !== undefined && resource !== allowed) {
    throw oauthRefused('invalid_target', 'resource_not_granted', 'That resource was not allowed.')
  }
  return allowed
}

/** RFC 6749 section 6: MUST NOT include any scope not originally granted. */
export const narrowerScope = (authority: RequestedAuthority, allowed: readonly string[]): readonly string[] => {
  const asked = authority.scope
  if (asked === undefined) return allowed
  if (!asked.every((scope) => allowed.includes(scope))) {
    throw oauthRefused('invalid_scope', 'scope_not_granted', 'A scope was asked for that was not allowed.')
  }
  return asked
}

/** RFC 9396 section 6: only what was granted, or less of it. An unknown type has no order, so it is refused. */
export const narrowerDetails = (authority: RequestedAuthority, allowed: AuthorizationDetails): AuthorizationDetails => {
  if (authority.authorizationDetails === undefined) return allowed
  const parsed = AuthorizationDetails.safeParse(authority.authorizationDetails)
  if (!parsed.success) throw notGranted('The authorization details are of an unknown type or form.')
  const asked: readonly AuthorizationDetail[] = parsed.data
  if (!isSubsetOfDetails(asked, allowed)) throw notGranted('More was asked for than was allowed.')
  return asked
}

const notGranted = (message: string) => oauthRefused('invalid_authorization_details', 'details_not_granted', message)

export const mayUseGrantType = (client: ClientView, grantType: string): void => {
  if (client.grantTypes.includes(grantType)) return
  throw oauthRefused('unauthorized_client', 'grant_type_not_registered', 'The client may not use this grant type.')
}
