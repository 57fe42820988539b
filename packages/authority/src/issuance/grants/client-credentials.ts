/** RFC 6749 section 4.4: the agent acts for itself, with its own rights. No refresh token (section 4.4.3). */
import { AuthorizationDetails } from '@credence/model'
import { GRANT_TYPES, oauthRefused } from '@credence/protocol/oauth'
import { adminResource } from '../../config.ts'
import { REVOKE_SCOPE, ROLE_SCOPES } from '../../registry/agents.ts'
import type { KnownAgent } from '../../registry/directory.ts'
import { mayUseGrantType, oneResource } from '../authority-rules.ts'
import type { GrantType, Plan, Redemption } from '../plan.ts'

type Own = Redemption<typeof GRANT_TYPES.clientCredentials>

export interface ClientCredentialsDeps {
  readonly issuer: string
  /** Scopes that may be asked for there; undefined: not a resource of ours. */
  readonly scopesAt: (resource: string) => readonly string[] | undefined
}

/** > The client credentials grant type MUST only be used by confidential clients. */
const confidentialAgent = ({ who }: Own): KnownAgent => {
  if (who.agent === undefined || who.assertion === undefined) {
    throw oauthRefused('unauthorized_client', 'agent_needed', 'Only a registered agent may act for itself.')
  }
  return who.agent
}

const scopeAt = (resource: string, agent: KnownAgent, issuer: string, known: readonly string[]): readonly string[] =>
  resource === adminResource(issuer) ? ROLE_SCOPES[agent.role] : known

const allowedScope = ({ request }: Own, allowed: readonly string[]): readonly string[] => {
  const asked = request.authority.scope ?? []
  if (!asked.every((scope) => allowed.includes(scope))) {
    throw oauthRefused(
      'invalid_scope',
      'scope_not_allowed',
      'A scope was asked for that this agent may not have there.',
    )
  }
  return asked
}

/** An agent may tie its own hands: details of known types at this one resource. */
const ownDetails = ({ request }: Own, resource: string): AuthorizationDetails => {
  const asked = request.authority.authorizationDetails
  if (asked === undefined) return []
  const parsed = AuthorizationDetails.safeParse(asked)
  if (!parsed.success || parsed.data.some(({ locations }) => locations[0] !== resource)) {
    throw oauthRefused('invalid_authorization_details', 'details_refused', 'The details do not fit this resource.')
  }
  return parsed.data
}

/** The one scope, at the one resource that knows it, and nothing beside. */
const onlyRevokes = (plan: Pick<Plan, 'resource' | 'scope' | 'authorizationDetails'>, issuer: string): boolean =>
  plan.resource === adminResource(issuer) &&
  plan.scope.length === 1 &&
  plan.scope[0] === REVOKE_SCOPE &&
  plan.authorizationDetails.length === 0

export const clientCredentials = (deps: ClientCredentialsDeps): GrantType<typeof GRANT_TYPES.clientCredentials> => ({
  type: GRANT_TYPES.clientCredentials,
  prepare: async (redemption) => {
    mayUseGrantType(redemption.who.client, GRANT_TYPES.clientCredentials)
    const agent = confidentialAgent(redemption)
    const resource = oneResource(redemption.request.authority, undefined)
    const known = deps.scopesAt(resource)
    if (known === undefined)
      throw oauthRefused('invalid_target', 'resource_unknown', 'That resource is not known here.')
    const plan = {
      subject: { iss: deps.issuer, sub: agent.spiffeId },
      resource,
      scope: allowedScope(redemption, scopeAt(resource, agent, deps.issuer, known)),
      authorizationDetails: ownDetails(redemption, resource),
      consume: [],
    }
    return { ...plan, reduces: onlyRevokes(plan, deps.issuer) }
  },
})
