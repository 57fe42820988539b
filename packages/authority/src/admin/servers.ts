/** `/v1/servers`: what is named here is run only from the host's own configuration; a command is never accepted. */
import { refused } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import { ToolLabelsSchema } from '@credence/model'
import { z } from 'zod'
import {
  bearerId,
  changeRegistry,
  knownServer,
  observedServers,
  type RegistryChange,
  withBearer,
  withLabels,
  withMappings,
  withObserve,
  withoutBearer,
  withoutServer,
  withServer,
} from '../registry/registry.ts'
import { listInputSchemas, listTools, storeTools } from '../registry/tools.ts'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'

const ServerName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
const Labels = z.record(z.string().min(1).max(256), ToolLabelsSchema)
const observe = z.boolean().optional()
const Upstream = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', 'no credentials in the URL')
const ServerBody = z.discriminatedUnion('kind', [
  z.strictObject({ name: ServerName, kind: z.literal('stdio'), labels: Labels.optional(), observe }),
  z.strictObject({ name: ServerName, kind: z.literal('http'), url: Upstream, labels: Labels.optional(), observe }),
])
const ServerAnswer = z.looseObject({ id: z.string(), name: z.string(), kind: z.string(), resource: z.string() })
const Exception = z.strictObject({ client: z.string().min(1).max(2048), resource: z.string().min(1).max(2048) })

type LabelsOf = Parameters<typeof withLabels>[1]
/** Members that are absent stay absent. */
const clean = (labels: z.infer<typeof Labels> | undefined): LabelsOf =>
  JSON.parse(JSON.stringify(labels ?? {})) as LabelsOf

const change = async (deps: AdminDeps, alter: RegistryChange): Promise<void> => {
  await changeRegistry(deps.core, alter)
  await deps.reloadRegistry()
}

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

const MAX_MAPPING = 16_384

/** INVARIANT: what stands in the registry can be read: a mapping that is none would refuse every call. */
const checkMappings = async (mappings: Readonly<Record<string, JsonObject | null>>): Promise<void> => {
  const [{ readOwnMapping }, { mcpExpressions }] = await Promise.all([
    import('@credence/protocol/coaz'),
    import('@credence/protocol/coaz/cel'),
  ])
  for (const mapping of Object.values(mappings)) {
    if (mapping === null) continue
    if (JSON.stringify(mapping).length > MAX_MAPPING)
      throw refused('mapping_too_large', 'A mapping has at most 16 KiB.', { status: 400 })
    readOwnMapping(mapping, mcpExpressions())
  }
}

const Mapping = z.record(z.string(), z.json()) as z.ZodType<JsonObject>
const Mappings = z.record(z.string().min(1).max(256), Mapping.nullable())

const mapping = (deps: AdminDeps): Endpoint<never> =>
  endpoint({
    method: 'PUT',
    path: '/v1/servers/:name/mappings',
    name: 'server.map',
    access: 'admin',
    consequential: true,
    operation: 'server.label',
    summary: 'Say what calls of tools are about (COAZ-MCP); null takes a mapping away',
    body: z.strictObject({ mappings: Mappings }),
    answer: ServerAnswer,
    target: ({ params }) => params.name ?? '',
    facts: ({ body }) => ({ mapped: Object.keys(body.mappings) }),
    act: async ({ params, body }) => {
      await checkMappings(body.mappings)
      await change(deps, withMappings(params.name ?? '', body.mappings))
      return knownServer(deps.registry(), params.name ?? '')
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
  endpoint({
    method: 'PUT',
    path: '/v1/servers/:name/labels',
    name: 'server.label',
    access: 'admin',
    consequential: true,
    operation: 'server.label',
    summary: 'Label tools: what they do, and whether they read public data only',
    body: z.strictObject({ labels: Labels }),
    answer: ServerAnswer,
    target: ({ params }) => params.name ?? '',
    act: async ({ params, body }) => {
      await change(deps, withLabels(params.name ?? '', clean(body.labels)))
      return knownServer(deps.registry(), params.name ?? '')
    },
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
    facts: ({ body }) => ({ tools: body.tools.length }),
    act: async ({ params, body }) => {
      const server = knownServer(deps.registry(), params.name ?? '')
      await storeTools(deps.core, server.name, body.tools as readonly (JsonObject & { readonly name: string })[])
    },
  }),
]

export const serverEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [
  ...reading(deps),
  takenArguments(deps),
  ...changing(deps),
  observing(deps),
  mapping(deps),
  ...exceptions(deps),
  ...told(deps),
]
