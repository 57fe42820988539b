/**
 * Servers, their labels and the bearer exceptions: one small document with a number, changed by compare-and-swap and
 * published whole on the feed, so that every node holds the same one.
 */
import { hash } from 'node:crypto'
import { BatchConflict, type Statement } from '@credence/db'
import { newId, refused, unavailable } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import type { ServerId, ToolLabels } from '@credence/model'
import { serverResource } from '../config.ts'
import type { Core } from '../core.ts'
import { mustBeOne, sql } from '../sql.ts'

export interface Server {
  readonly id: ServerId
  /** Part of the resource identifier: lower-case letters, digits and hyphens. */
  readonly name: string
  readonly kind: 'stdio' | 'http'
  /** Upstream of an `http` server. A stdio server's command is never here: it stands in the host's own configuration. */
  readonly url?: string
  readonly resource: string
  /** Ours, never the server's own claims. */
  readonly labels: { readonly [tool: string]: ToolLabels }
  /**
   * How a call of a tool is asked about instead of by its name alone (COAZ-MCP). Set by whoever administers the domain; what a
   * server declares counts only once it stands here.
   */
  readonly mappings?: { readonly [tool: string]: JsonObject }
  /** The hash of a tool's definition when its mapping was set; not there for a tool that was not known then. */
  readonly mappedDefinitions?: { readonly [tool: string]: string }
  /** Its policies are decided and recorded, and not enforced. Whoever administers the domain says so, and every record of it. */
  readonly observe?: true
  readonly created: number
}

/** The owner of a resource allowed bearer tokens for one named client. */
export interface BearerException {
  readonly client: string
  readonly resource: string
  readonly by: string
  readonly created: number
}

/** Names an exception in records, however long its parts are. */
export const bearerId = ({ client, resource }: Pick<BearerException, 'client' | 'resource'>): string =>
  hash('sha256', JSON.stringify([client, resource]), 'base64url')

/** The body of a `registry` entry of the feed. */
export interface Registry {
  readonly v: 1
  readonly number: number
  readonly servers: readonly Server[]
  readonly bearer: readonly BearerException[]
}

type Part = Pick<Core, 'db' | 'domain'>

export const readRegistry = async (core: Part): Promise<Registry> => {
  const [row] = await core.db.read(sql('SELECT number, body FROM registries WHERE domain = ?', core.domain.id))
  if (row === undefined) return { v: 1, number: 0, servers: [], bearer: [] }
  return JSON.parse(String(row.body)) as Registry
}

const swap = (core: Pick<Core, 'domain'>, before: Registry, after: Registry): Statement =>
  before.number === 0
    ? mustBeOne(
        'registry_changed',
        'INSERT INTO registries (domain, number, body) VALUES (?, 1, ?) ON CONFLICT (domain) DO NOTHING RETURNING number',
        core.domain.id,
        JSON.stringify(after),
      )
    : mustBeOne(
        'registry_changed',
        'UPDATE registries SET number = ?, body = ? WHERE domain = ? AND number = ?',
        after.number,
        JSON.stringify(after),
        core.domain.id,
        before.number,
      )

export type RegistryChange = (registry: Registry) => Pick<Registry, 'servers' | 'bearer'>

/** `extra` commits in the same batch. Two writers at once: the second starts again from what the first left. */
export const changeRegistry = async (
  core: Pick<Core, 'db' | 'domain' | 'publish'>,
  change: RegistryChange,
  extra: readonly Statement[] = [],
): Promise<Registry> => {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const before = await readRegistry(core)
    const after: Registry = { v: 1, number: before.number + 1, ...change(before) }
    const published = core.publish({ kind: 'registry', version: String(after.number), body: JSON.stringify(after) })
    try {
      await core.db.atomically([swap(core, before, after), ...extra, ...published])
      return after
    } catch (error) {
      if (!(error instanceof BatchConflict) || error.conflict !== 'registry_changed') throw error
    }
  }
  throw unavailable('registry_busy', 'The registry is being changed by others; try again.')
}

export interface NewServer {
  readonly name: string
  readonly kind: 'stdio' | 'http'
  readonly url?: string
  readonly labels?: { readonly [tool: string]: ToolLabels }
  readonly observe?: boolean | undefined
}

export const withServer =
  (core: Pick<Core, 'random' | 'clock'>, gatewayUrl: string, wanted: NewServer): RegistryChange =>
  (registry) => {
    if (registry.servers.some(({ name }) => name === wanted.name)) {
      throw refused('server_exists', `There is already a server named ${wanted.name}.`, { status: 409 })
    }
    const server: Server = {
      id: newId('srv', core.random),
      name: wanted.name,
      kind: wanted.kind,
      ...(wanted.url === undefined ? {} : { url: wanted.url }),
      resource: serverResource(gatewayUrl, wanted.name),
      labels: wanted.labels ?? {},
      ...(wanted.observe === true ? { observe: true } : {}),
      created: core.clock.now(),
    }
    return { servers: [...registry.servers, server], bearer: registry.bearer }
  }

export const knownServer = (registry: Registry, name: string): Server => {
  const server = registry.servers.find((one) => one.name === name)
  if (server === undefined) throw refused('server_unknown', 'There is no such server.', { status: 404 })
  return server
}

/** Its bearer exceptions go with it. */
export const withoutServer =
  (name: string): RegistryChange =>
  (registry) => {
    const { resource } = knownServer(registry, name)
    return {
      servers: registry.servers.filter((server) => server.name !== name),
      bearer: registry.bearer.filter((exception) => exception.resource !== resource),
    }
  }

export const withLabels =
  (name: string, labels: Server['labels']): RegistryChange =>
  (registry) => {
    knownServer(registry, name)
    const servers = registry.servers.map((server) =>
      server.name === name ? { ...server, labels: { ...server.labels, ...labels } } : server,
    )
    return { servers, bearer: registry.bearer }
  }

export const withObserve =
  (name: string, observe: boolean): RegistryChange =>
  (registry) => {
    const { observe: _before, ...known } = knownServer(registry, name)
    const after: Server = observe ? { ...known, observe: true } : known
    const servers = registry.servers.map((server) => (server.name === name ? after : server))
    return { servers, bearer: registry.bearer }
  }

/** Servers whose policies are not enforced, by name. */
export const observedServers = ({ servers }: Pick<Registry, 'servers'>): readonly string[] =>
  servers.flatMap(({ name, observe }) => (observe === true ? [name] : []))

/** `null` takes a mapping away. `definition`: the hash of the tool as it is known now. */
export const withMappings =
  (
    name: string,
    changes: { readonly [tool: string]: JsonObject | null },
    definition: (tool: string) => string | undefined,
  ): RegistryChange =>
  (registry) => {
    const known = knownServer(registry, name)
    const { mappings: before = {}, mappedDefinitions = {}, ...rest } = known
    const mappings = new Map(Object.entries(before))
    const definitions = new Map(Object.entries(mappedDefinitions))
    for (const [tool, mapping] of Object.entries(changes)) {
      const hash = mapping === null ? undefined : definition(tool)
      if (mapping === null) mappings.delete(tool)
      else mappings.set(tool, mapping)
      if (hash === undefined) definitions.delete(tool)
      else definitions.set(tool, hash)
    }
    const after: Server = {
      ...rest,
      ...(mappings.size === 0 ? {} : { mappings: Object.fromEntries(mappings) }),
      ...(definitions.size === 0 ? {} : { mappedDefinitions: Object.fromEntries(definitions) }),
    }
    return { servers: registry.servers.map((server) => (server === known ? after : server)), bearer: registry.bearer }
  }

export const withBearer =
  (exception: BearerException): RegistryChange =>
  (registry) => {
    if (!registry.servers.some(({ resource }) => resource === exception.resource)) {
      throw refused('resource_unknown', 'There is no such resource.', { status: 404 })
    }
    const others = registry.bearer.filter(
      ({ client, resource }) => client !== exception.client || resource !== exception.resource,
    )
    return { servers: registry.servers, bearer: [...others, exception] }
  }

export const withoutBearer =
  (client: string, resource: string): RegistryChange =>
  (registry) => ({
    servers: registry.servers,
    bearer: registry.bearer.filter((one) => one.client !== client || one.resource !== resource),
  })
