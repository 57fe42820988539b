/** `/v1/agents` and `/v1/owners`. */
import { BatchConflict } from '@credence/db'
import { refused } from '@credence/kit'
import { GroupName, type OwnerId } from '@credence/model'
import { isRedirectUri } from '@credence/protocol/cimd'
import { z } from 'zod'
import {
  type Agent,
  type AgentStatus,
  acceptKey,
  groupsStatements,
  keysStatements,
  knownAgent,
  listAgents,
  newAgent,
  statusStatements,
} from '../registry/agents.ts'
import { createOwner, findOwner, listOwners } from '../registry/owners.ts'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { mustLeaveAnOperator } from './last-operator.ts'

/** Shown to people who decide: without characters that change how others are read. */
const Name = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u, 'not made of ordinary characters')
const Key = z.looseObject({ kty: z.string() })
const Groups = z.array(GroupName).max(16)
const AgentBody = z.strictObject({
  name: Name,
  owner: z.string().max(64).optional(),
  ownerName: Name.optional(),
  keys: z.array(Key).min(1).max(8),
  redirectUris: z
    .array(z.string().max(2048).refine(isRedirectUri, 'not acceptable as a redirect URI'))
    .max(16)
    .optional(),
  grantTypes: z.array(z.enum(['client_credentials', 'authorization_code', 'refresh_token'])).optional(),
  role: z.enum(['agent', 'node']).optional(),
  groups: Groups.optional(),
})

const AgentAnswer = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  ownerName: z.string(),
  spiffeId: z.string(),
  status: z.enum(['active', 'suspended', 'retired']),
  role: z.string(),
  redirectUris: z.array(z.string()),
  grantTypes: z.array(z.string()),
  groups: z.array(z.string()),
  keys: z.array(z.looseObject({ kid: z.string() })),
  created: z.number(),
  changed: z.number(),
})

const shown = ({ version: _version, ...agent }: Agent): z.infer<typeof AgentAnswer> => ({
  ...agent,
  redirectUris: [...agent.redirectUris],
  grantTypes: [...agent.grantTypes],
  groups: [...agent.groups],
  keys: agent.keys.map((key) => ({ ...key, kid: String(key.kid) })),
})

const ownerOf = async (body: z.infer<typeof AgentBody>, { core }: AdminDeps): Promise<OwnerId> => {
  if (body.owner !== undefined) return (await findOwner(core, body.owner)).id
  const name = body.ownerName ?? 'operator'
  const known = (await listOwners(core)).find((owner) => owner.name === name)
  return (known ?? (await createOwner(core, { name, kind: 'team' }))).id
}

const add = async (body: z.infer<typeof AgentBody>, deps: AdminDeps) => {
  const owner = await ownerOf(body, deps)
  const made = newAgent(deps.core, {
    name: body.name,
    owner,
    keys: body.keys.map(acceptKey),
    ...(body.redirectUris === undefined ? {} : { redirectUris: body.redirectUris }),
    ...(body.grantTypes === undefined ? {} : { grantTypes: body.grantTypes }),
    ...(body.role === undefined ? {} : { role: body.role }),
    ...(body.groups === undefined ? {} : { groups: body.groups }),
  })
  await deps.core.db.atomically(made.statements)
  await deps.directory.refresh(made.id)
  return shown(await knownAgent(deps.core, made.id))
}

const conflictAsRefusal = (error: unknown, message: string): never => {
  if (error instanceof BatchConflict) throw refused(error.conflict, message, { status: 409 })
  throw error
}

const setStatus = async (
  id: string,
  status: AgentStatus,
  deps: AdminDeps,
  extra: Parameters<AdminDeps['reduce']>[1],
) => {
  await knownAgent(deps.core, id)
  if (status !== 'active') await mustLeaveAnOperator(deps.core, { agent: id })
  const statements = statusStatements(deps.core, id, status)
  await deps
    .reduce(statements, extra)
    .catch((error) => conflictAsRefusal(error, `The agent cannot become ${status} now.`))
  await deps.directory.refresh(id)
  return shown(await knownAgent(deps.core, id))
}

const suspend = {
  method: 'POST',
  path: '/v1/agents/:id/suspend',
  name: 'agent.suspend',
  access: 'admin',
  consequential: true,
  operation: 'agent.suspend',
  summary: 'Suspend an agent: its tokens are refused from now on, and resuming does not revive them',
  reduces: true,
} as const
const resume = {
  method: 'POST',
  path: '/v1/agents/:id/resume',
  name: 'agent.resume',
  access: 'admin',
  consequential: true,
  operation: 'agent.resume',
  summary: 'Let a suspended agent ask for tokens again',
} as const
const retire = {
  method: 'POST',
  path: '/v1/agents/:id/retire',
  name: 'agent.retire',
  access: 'admin',
  consequential: true,
  operation: 'agent.retire',
  summary: 'Retire an agent for good',
  reduces: true,
} as const

const statusEndpoint = (
  description: typeof suspend | typeof resume | typeof retire,
  status: AgentStatus,
  deps: AdminDeps,
) =>
  endpoint({
    ...description,
    answer: AgentAnswer,
    target: ({ params }) => params.id ?? '',
    act: ({ params }, release) => setStatus(params.id ?? '', status, deps, release.debt),
  })

const registration = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'GET',
    path: '/v1/agents',
    name: 'agent.list',
    access: 'admin',
    consequential: false,
    operation: 'agent.list',
    summary: 'List agents',
    answer: z.object({ agents: z.array(AgentAnswer) }),
    act: async () => ({ agents: (await listAgents(deps.core)).map(shown) }),
  }),
  endpoint({
    method: 'POST',
    path: '/v1/agents',
    name: 'agent.add',
    access: 'admin',
    consequential: true,
    operation: 'agent.add',
    summary: 'Register an agent',
    status: 201,
    body: AgentBody,
    answer: AgentAnswer,
    target: ({ body }) => body.name,
    facts: ({ body }): Readonly<Record<string, readonly string[]>> =>
      body.groups === undefined ? {} : { groups: body.groups },
    act: ({ body }) => add(body, deps),
  }),
  endpoint({
    method: 'GET',
    path: '/v1/agents/:id',
    name: 'agent.show',
    access: 'admin',
    consequential: false,
    operation: 'agent.show',
    summary: 'Show an agent',
    answer: AgentAnswer,
    target: ({ params }) => params.id ?? '',
    act: async ({ params }) => shown(await knownAgent(deps.core, params.id ?? '')),
  }),
  statusEndpoint(suspend, 'suspended', deps),
  statusEndpoint(resume, 'active', deps),
  statusEndpoint(retire, 'retired', deps),
]

/** INVARIANT: which groups an agent is in is said by whoever administers the domain, never by the agent. */
const groupsEndpoint = (deps: AdminDeps): Endpoint<never> =>
  endpoint({
    method: 'PUT',
    path: '/v1/agents/:id/groups',
    name: 'agent.update',
    access: 'admin',
    consequential: true,
    operation: 'agent.update',
    summary: 'Say in which groups an agent is, all at once',
    body: z.strictObject({ groups: Groups }),
    answer: AgentAnswer,
    target: ({ params }) => params.id ?? '',
    facts: ({ body }) => ({ groups: body.groups }),
    act: async ({ params, body }) => {
      const agent = await knownAgent(deps.core, params.id ?? '')
      await deps.core.db
        .atomically(groupsStatements(deps.core, agent, body.groups))
        .catch((error) => conflictAsRefusal(error, 'The agent changed meanwhile; try again.'))
      await deps.directory.refresh(agent.id)
      return shown(await knownAgent(deps.core, agent.id))
    },
  })

const keyEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'POST',
    path: '/v1/agents/:id/keys',
    name: 'agent.key.add',
    access: 'admin',
    consequential: true,
    operation: 'agent.key.add',
    summary: 'Add a public key to an agent',
    body: z.strictObject({ key: Key }),
    answer: AgentAnswer,
    target: ({ params }) => params.id ?? '',
    act: async ({ params, body }) => {
      const agent = await knownAgent(deps.core, params.id ?? '')
      const key = acceptKey(body.key)
      const others = agent.keys.filter(({ kid }) => kid !== key.kid)
      await deps.core.db
        .atomically(keysStatements(deps.core, agent, [...others, key]))
        .catch((error) => conflictAsRefusal(error, 'The agent changed meanwhile; try again.'))
      await deps.directory.refresh(agent.id)
      return shown(await knownAgent(deps.core, agent.id))
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/v1/agents/:id/keys/:kid',
    name: 'agent.key.remove',
    access: 'admin',
    consequential: true,
    operation: 'agent.key.remove',
    summary: 'Remove a public key; tokens bound to it are refused from now on',
    reduces: true,
    answer: AgentAnswer,
    target: ({ params }) => `${params.id}/${params.kid}`,
    act: async ({ params }, release) => {
      const agent = await knownAgent(deps.core, params.id ?? '')
      const left = agent.keys.filter(({ kid }) => kid !== params.kid)
      if (left.length === agent.keys.length) throw refused('key_unknown', 'The agent has no such key.', { status: 404 })
      await mustLeaveAnOperator(deps.core, { key: params.kid ?? '', of: agent.id })
      const revoke = await deps.revocationOf({ kind: 'key', jkt: params.kid ?? '' }, 'key removed')
      await deps.reduce([...keysStatements(deps.core, agent, left), ...revoke], release.debt)
      await deps.directory.refresh(agent.id)
      return shown(await knownAgent(deps.core, agent.id))
    },
  }),
]

const ownerEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'GET',
    path: '/v1/owners',
    name: 'owner.list',
    access: 'admin',
    consequential: false,
    operation: 'owner.list',
    summary: 'List owners',
    act: async () => ({ owners: await listOwners(deps.core) }),
  }),
  endpoint({
    method: 'POST',
    path: '/v1/owners',
    name: 'owner.add',
    access: 'admin',
    consequential: true,
    operation: 'owner.add',
    summary: 'Add an owner: an accountable person or team',
    status: 201,
    body: z.strictObject({ name: Name, kind: z.enum(['person', 'team']), person: z.string().max(64).optional() }),
    target: ({ body }) => body.name,
    act: ({ body: { name, kind, person } }) =>
      createOwner(deps.core, { name, kind, ...(person === undefined ? {} : { person }) }),
  }),
]

export const agentEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  ...registration(deps),
  groupsEndpoint(deps),
  ...keyEndpoints(deps),
  ...ownerEndpoints(deps),
]
