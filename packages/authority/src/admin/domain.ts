/** `/v1/status`, `/v1/inventory`, `/v1/keys/rotate` and the people of the domain. */
import { isId, refused } from '@credence/kit'
import { z } from 'zod'
import { TOKEN_SECONDS } from '../config.ts'
import { listGrants } from '../grants/grants.ts'
import { listAgents } from '../registry/agents.ts'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'

/** Retired keys verify until the last token they signed has expired, and a little longer for clocks that differ. */
const OVERLAP_MS = (TOKEN_SECONDS + 60) * 1000

/** The owner in whose name somebody is invited. */
const PersonOwner = z.string().regex(/^usr_[A-Za-z0-9_-]{22}$/)

const inventory = async (deps: AdminDeps) => {
  const { servers, bearer } = deps.registry()
  const agents = await listAgents(deps.core)
  return {
    agents: agents.map(({ id, name, ownerName, status, role, spiffeId }) => ({
      id,
      name,
      owner: ownerName,
      status,
      role,
      spiffeId,
    })),
    servers: servers.map(({ name, kind, resource, observe }) => ({ name, kind, resource, observe: observe === true })),
    /** Clients whose tokens are not bound to a key: who holds one can use it. */
    bearerExceptions: bearer,
    grants: (await listGrants(deps.core)).filter(({ status }) => status === 'active').length,
  }
}

const stateEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'GET',
    path: '/v1/status',
    name: 'status.show',
    access: 'admin',
    consequential: false,
    operation: 'feed.show',
    summary: 'The state of the domain',
    act: () => deps.status(),
  }),
  endpoint({
    method: 'GET',
    path: '/v1/inventory',
    name: 'inventory.show',
    access: 'admin',
    consequential: false,
    operation: 'server.list',
    summary: 'Agents, servers, grants and every exception that weakens them',
    act: () => inventory(deps),
  }),
  endpoint({
    method: 'POST',
    path: '/v1/keys/rotate',
    name: 'keys.rotate',
    access: 'admin',
    consequential: true,
    operation: 'keys.rotate',
    summary: 'The next signing key signs from now on; the last one verifies until its tokens have expired',
    act: async () => ({
      kid: await deps.signingKeys.rotate(OVERLAP_MS, (jwks) =>
        deps.core.publish({ kind: 'keys', version: String(deps.core.clock.now()), body: JSON.stringify(jwks) }),
      ),
    }),
  }),
]

const peopleEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'GET',
    path: '/v1/people',
    name: 'person.list',
    access: 'admin',
    consequential: false,
    operation: 'person.list',
    summary: 'People of the domain',
    act: async () => ({ people: await deps.people.list() }),
  }),
  endpoint({
    method: 'POST',
    path: '/v1/people/invitations',
    name: 'person.invite',
    access: 'admin',
    consequential: true,
    operation: 'person.invite',
    summary: 'A link with which one more person can enrol',
    status: 201,
    body: z.strictObject({ by: PersonOwner, name: z.string().trim().min(1).max(80).optional() }),
    target: ({ body }) => body.by,
    act: async ({ body }) => {
      if (!isId('usr', body.by)) throw refused('person_unknown', 'There is no such person.', { status: 404 })
      return deps.people.createInvitation(body.by, body.name)
    },
  }),
]

export const domainEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  ...stateEndpoints(deps),
  ...peopleEndpoints(deps),
]
