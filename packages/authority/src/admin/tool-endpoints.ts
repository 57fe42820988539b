/** What whoever administers the domain says of single tools: labels, and what a call is about. Both change what is permitted. */
import { hash } from 'node:crypto'
import { refused } from '@credence/kit'
import { canonicalize, type JsonObject, type JsonValue } from '@credence/kit/json'
import { ToolLabelsSchema } from '@credence/model'
import { z } from 'zod'
import {
  changeRegistry,
  knownServer,
  type RegistryChange,
  type Server,
  withLabels,
  withMappings,
} from '../registry/registry.ts'
import { listTools, type StoredTool } from '../registry/tools.ts'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'

export const Labels = z.record(z.string().min(1).max(256), ToolLabelsSchema)
export const ServerAnswer = z.looseObject({
  id: z.string(),
  name: z.string(),
  kind: z.string(),
  resource: z.string(),
})

type LabelsOf = Parameters<typeof withLabels>[1]
/** Members that are absent stay absent. */
export const clean = (labels: z.infer<typeof Labels> | undefined): LabelsOf =>
  JSON.parse(JSON.stringify(labels ?? {})) as LabelsOf

export const change = async (deps: AdminDeps, alter: RegistryChange): Promise<void> => {
  await changeRegistry(deps.core, alter)
  await deps.reloadRegistry()
}

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

/**
 * INVARIANT: what is said of a misspelt name does not leave the real tool as it was in silence. Before a server has told its
 * tools there is nothing to compare with.
 */
const knownTools = (tools: readonly StoredTool[], names: readonly string[], force: boolean): void => {
  if (force || tools.length === 0) return
  const unknown = names.filter((name) => !tools.some((tool) => tool.name === name))
  if (unknown.length === 0) return
  const said = unknown.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 100)))
  throw refused('tool_unknown', `The server has no tool ${said.join(', ')}. Correct the name, or say force.`, {
    status: 409,
  })
}

type Said = (server: Server, tool: string) => JsonValue | undefined

/** `tool=value` for each; `none` where nothing was said. */
const listed = (names: readonly string[], value: (name: string) => JsonValue | undefined, short: boolean): string[] =>
  names.map((name) => {
    const said = value(name)
    if (said === undefined || said === null) return `${name}=none`
    return `${name}=${short ? hash('sha256', canonicalize(said), 'base64url') : canonicalize(said)}`
  })

/** INVARIANT: the record of the act says what was in force before and what is after it. */
const beforeAndAfter = (
  { registry }: AdminDeps,
  name: string,
  wanted: Readonly<Record<string, JsonValue>>,
  said: Said,
  short: boolean,
) => {
  const server = registry().servers.find((one) => one.name === name)
  const names = Object.keys(wanted)
  const before = (tool: string) => (server === undefined ? undefined : said(server, tool))
  return { before: listed(names, before, short), after: listed(names, (tool) => wanted[tool], short) }
}

const own = <Value>(from: { readonly [name: string]: Value } | undefined, name: string): Value | undefined =>
  from !== undefined && Object.hasOwn(from, name) ? from[name] : undefined

const force = z.boolean().optional()
const PART = { method: 'PUT', access: 'admin', consequential: true, operation: 'server.label' } as const

const labelling = (deps: AdminDeps): Endpoint<never> =>
  endpoint({
    ...PART,
    path: '/v1/servers/:name/labels',
    name: 'server.label',
    summary: 'Label tools: what they do, and whether they read public data only',
    body: z.strictObject({ labels: Labels, force }),
    answer: ServerAnswer,
    target: ({ params }) => params.name ?? '',
    facts: ({ params, body }) => {
      const labels = clean(body.labels) as Readonly<Record<string, JsonValue>>
      const said: Said = (server, tool) => own(server.labels, tool) as JsonValue | undefined
      return beforeAndAfter(deps, params.name ?? '', labels, said, false)
    },
    act: async ({ params, body }) => {
      const { name } = knownServer(deps.registry(), params.name ?? '')
      knownTools(await listTools(deps.core, name), Object.keys(body.labels), body.force === true)
      await change(deps, withLabels(name, clean(body.labels)))
      return knownServer(deps.registry(), name)
    },
  })

const Mapping = z.record(z.string(), z.json()) as z.ZodType<JsonObject>
const Mappings = z.record(z.string().min(1).max(256), Mapping.nullable())

const mapping = (deps: AdminDeps): Endpoint<never> =>
  endpoint({
    ...PART,
    path: '/v1/servers/:name/mappings',
    name: 'server.map',
    summary: 'Say what calls of tools are about (COAZ-MCP); null takes a mapping away',
    body: z.strictObject({ mappings: Mappings, force }),
    answer: ServerAnswer,
    target: ({ params }) => params.name ?? '',
    facts: ({ params, body }) => ({
      mapped: Object.keys(body.mappings),
      ...beforeAndAfter(deps, params.name ?? '', body.mappings, (server, tool) => own(server.mappings, tool), true),
    }),
    act: async ({ params, body }) => {
      const { name } = knownServer(deps.registry(), params.name ?? '')
      const tools = await listTools(deps.core, name)
      const made = Object.keys(body.mappings).filter((tool) => body.mappings[tool] !== null)
      knownTools(tools, made, body.force === true)
      await checkMappings(body.mappings)
      const definitions = new Map(tools.map((tool) => [tool.name, tool.hash]))
      await change(
        deps,
        withMappings(name, body.mappings, (tool) => definitions.get(tool)),
      )
      return knownServer(deps.registry(), name)
    },
  })

export const toolEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [labelling(deps), mapping(deps)]
