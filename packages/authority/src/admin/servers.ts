/** `/v1/servers`: what is named here is run only from the host's own configuration; a command is never accepted. */
import type { JsonObject } from '@credence/kit/json'
import { toolDefinitionHash } from '@credence/model'
import { z } from 'zod'
import {
  bearerId,
  knownServer,
  observedServers,
  withBearer,
  withObserve,
  withoutBearer,
  withoutServer,
  withServer,
} from '../registry/registry.ts'
import { listInputSchemas, listTools, storeTools } from '../registry/tools.ts'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { change, clean, Labels, ServerAnswer, toolEndpoints } from './tool-endpoints.ts'

const ServerName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
const observe = z.boolean().optional()
const Upstream = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', 'no credentials in the URL')
const ServerBody = z.discriminatedUnion('kind', [
  z.strictObject({ name: ServerName, kind: z.literal('stdio'), labels: Labels.optional(), observe }),
  z.strictObject({ name: ServerName, kind: z.literal('http'), url: Upstream, labels: Labels.optional(), observe }),
])
const Exception = z.strictObject({ client: z.string().min(1).max(2048), resource: z.string().min(1).max(2048) })

const reading = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'GET',
    path: '/v1/servers',
    name: 'server.list',
    access: 'admin',
    consequential: false,
    operation: 'server.list',
    summary: 'List servers and bearer exceptions',
    answer: z.object({ servers: z.array(ServerAnswer), bearer: z.array(z.looseObject({})) }),
    act: async () => ({ servers: deps.registry().servers, bearer: deps.registry().bearer }),
  }),
  endpoint({
    method: 'GET',
    path: '/v1/servers/:name',
    name: 'server.show',
    access: 'admin',
    consequential: false,
    operation: 'server.show',
    summary: 'Show a server with its tools',
    answer: ServerAnswer,
    target: ({ params }) => params.name ?? '',
    act: async ({ params }) => {
      const server = knownServer(deps.registry(), params.name ?? '')
      return { ...server, tools: await listTools(deps.core, server.name) }
    },
  }),
]

const takenArguments = (deps: AdminDeps): Endpoint<never> =>
  endpoint({
    method: 'GET',
    path: '/v1/servers/:name/arguments',
    name: 'server.arguments',
    access: 'admin',
    consequential: false,
    operation: 'server.show',
    summary: 'What the tools of a server take, in JSON Schema, as the server tells it',
    target: ({ params }) => params.name ?? '',
    act: async ({ params }) => {
      const server = knownServer(deps.registry(), params.name ?? '')
      return { name: server.name, tools: await listInputSchemas(deps.core, server.name) }
    },
  })

const changing = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'POST',
    path: '/v1/servers',
    name: 'server.add',
    access: 'admin',
    consequential: true,
    operation: 'server.add',
    summary: 'Register an MCP server; a stdio command stands only in the host configuration',
    status: 201,
    body: ServerBody,
    answer: ServerAnswer,
    target: ({ body }) => body.name,
    facts: ({ body }): Readonly<Record<string, boolean>> => (body.observe === true ? { observe: true } : {}),
    act: async ({ body }) => {
      const wanted = { ...body, labels: clean(body.labels) }
      await change(deps, withServer(deps.core, deps.gatewayUrl, wanted))
      return knownServer(deps.registry(), body.name)
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/v1/servers/:name',
    name: 'server.remove',
    access: 'admin',
    consequential: true,
    operation: 'server.remove',
    summary: 'Remove a server',
    target: ({ params }) => params.name ?? '',
    act: ({ params }) => change(deps, withoutServer(params.name ?? '')),
  }),
]

/** INVARIANT: that policies of a resource are not enforced is an act of administration with a record of its own. */
const observing = (deps: AdminDeps): Endpoint<never> =>
  endpoint({
    method: 'PUT',
    path: '/v1/servers/:name/observe',
    name: 'server.observe',
    access: 'admin',
    consequential: true,
    operation: 'server.observe',
    summary: 'Whether the policies of a server are only observed: decided and recorded, and not enforced',
    body: z.strictObject({ observe: z.boolean() }),
    answer: ServerAnswer,
    target: ({ params }) => params.name ?? '',
    facts: ({ params, body }) => ({
      observe: body.observe,
      before: observedServers(deps.registry()).includes(params.name ?? ''),
    }),
    act: async ({ params, body }) => {
      const name = params.name ?? ''
      await change(deps, withObserve(name, body.observe))
      const event = body.observe ? 'policies_not_enforced' : 'policies_enforced'
      deps.core.log.warn(event, { server: name })
      return knownServer(deps.registry(), name)
    },
  })

const exceptions = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'POST',
    path: '/v1/bearer',
    name: 'bearer.allow',
    access: 'admin',
    consequential: true,
    operation: 'bearer.allow',
    summary:
      'Allow one named client bearer tokens at one resource: two minutes, visible to policy, record and inventory',
    status: 201,
    body: Exception,
    target: ({ body }) => `${body.client} ${body.resource}`,
    facts: ({ body }) => ({ exception: bearerId(body) }),
    act: async ({ body }, { caller }) => {
      await change(deps, withBearer({ ...body, by: caller.clientId, created: deps.core.clock.now() }))
      return { bearer: deps.registry().bearer }
    },
  }),
  endpoint({
    method: 'POST',
    path: '/v1/bearer/remove',
    name: 'bearer.refuse',
    access: 'admin',
    consequential: true,
    operation: 'bearer.refuse',
    summary: 'Withdraw a bearer exception',
    body: Exception,
    target: ({ body }) => `${body.client} ${body.resource}`,
    facts: ({ body }) => ({ exception: bearerId(body) }),
    act: ({ body }) => change(deps, withoutBearer(body.client, body.resource)),
  }),
]

type ToolDefinition = JsonObject & { readonly name: string }

/** Mappings that were set for tools as they were before: the record says when a definition became another one. */
const outdated = ({ registry }: AdminDeps, name: string, tools: readonly ToolDefinition[]) => {
  const set = registry().servers.find((server) => server.name === name)?.mappedDefinitions ?? {}
  const changed = tools.filter((tool) => Object.hasOwn(set, tool.name) && set[tool.name] !== toolDefinitionHash(tool))
  return changed.length === 0 ? {} : { mappingsOutdated: changed.map((tool) => tool.name) }
}

/** The gateway tells what a server offers. What people read before they consent changes with it, so it is recorded. */
const told = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'PUT',
    path: '/v1/servers/:name/tools',
    name: 'server.tools',
    access: 'node',
    consequential: true,
    operation: 'server.tools',
    summary: 'Tell the definitions of the tools of a server',
    maxBody: 1_048_576,
    body: z.strictObject({ tools: z.array(z.looseObject({ name: z.string().min(1).max(256) })).max(1000) }),
    target: ({ params }) => params.name ?? '',
    facts: ({ params, body }) => ({
      tools: body.tools.length,
      ...outdated(deps, params.name ?? '', body.tools as readonly ToolDefinition[]),
    }),
    act: async ({ params, body }) => {
      const server = knownServer(deps.registry(), params.name ?? '')
      await storeTools(deps.core, server.name, body.tools as readonly ToolDefinition[])
    },
  }),
]

export const serverEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  ...reading(deps),
  takenArguments(deps),
  ...changing(deps),
  observing(deps),
  ...toolEndpoints(deps),
  ...exceptions(deps),
  ...told(deps),
]
