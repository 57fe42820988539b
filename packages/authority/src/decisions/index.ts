/** The decision point for others, put together. */
import type { Clock } from '@credence/kit'
import type { Route } from '@credence/kit/http'
import type { Endpoint } from '../admin/endpoint.ts'
import type { Sealer } from '../keys/seal.ts'
import type { SigningKeys } from '../keys/signing-keys.ts'
import { type DomainPointDeps, domainPoint } from './domain-point.ts'
import { decisionEndpoints } from './endpoints.ts'
import { metadataSource } from './metadata.ts'
import { metadataRoutes } from './metadata-routes.ts'
import { createPageTokens } from './page-token.ts'
import { tenantEndpoints, tenantRoutes } from './tenant-routes.ts'
import { openTenants, type TenantConfig } from './tenants.ts'
import { badTypeIsBadRequest } from './wording.ts'

export type { TenantConfig } from './tenants.ts'

export interface DecisionsDeps extends DomainPointDeps {
  readonly tenants: readonly TenantConfig[]
  readonly sealer: Sealer
  readonly signingKeys: Pick<SigningKeys, 'active'>
  readonly clock: Clock
}

export interface Decisions {
  /** For the description of the interface. */
  readonly endpoints: readonly Endpoint<never>[]
  readonly routes: readonly Route[]
}

/** `guard` puts endpoints behind the door of `/v1`. */
export const createDecisions = async (
  deps: DecisionsDeps,
  guard: (endpoints: readonly Endpoint<never>[]) => readonly Route[],
): Promise<Decisions> => {
  const tokens = createPageTokens(deps.sealer, deps.core.domain.id)
  const own = decisionEndpoints({ point: domainPoint(deps), tokens })
  const tenants = await openTenants(deps.tenants, deps)
  const theirs = tenants.size === 0 ? [] : tenantEndpoints(tenants, tokens)
  const worded = guard(own).map((route) => ({ ...route, handler: badTypeIsBadRequest(route.handler) }))
  return {
    endpoints: [...own, ...theirs],
    routes: [
      ...worded,
      ...tenantRoutes(tenants, theirs, guard(theirs)),
      ...metadataRoutes(deps.issuer, metadataSource(deps), tenants),
    ],
  }
}
