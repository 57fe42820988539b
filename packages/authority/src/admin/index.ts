import { agentEndpoints } from './agents.ts'
import { auditEndpoints } from './audit.ts'
import type { AdminDeps } from './deps.ts'
import { domainEndpoints } from './domain.ts'
import type { Endpoint } from './endpoint.ts'
import { grantEndpoints } from './grants.ts'
import { nodeEndpoints } from './nodes.ts'
import { policyEndpoints } from './policies.ts'
import { serverEndpoints } from './servers.ts'

export const adminEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  ...agentEndpoints(deps),
  ...serverEndpoints(deps),
  ...grantEndpoints(deps),
  ...policyEndpoints(deps),
  ...auditEndpoints(deps),
  ...nodeEndpoints(deps),
  ...domainEndpoints(deps),
]
