/** The registry as the gateway sees it, and how each server is reached from this host. */

import { lookup } from 'node:dns'
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isIP, type LookupFunction } from 'node:net'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import type { Registry, Server } from '@credence/authority'
import {
  availableIsolation,
  createHttpUpstream,
  createStdioUpstream,
  type Isolation,
  launchOf,
  type ServerDirectory,
  type ServerEntry,
  type StdioConfig,
  type Upstream,
  type UpstreamFactory,
} from '@credence/gateway'
import { type Clock, refused } from '@credence/kit'
import { isPublicAddress } from '@credence/kit/fetch'
import type { JsonObject } from '@credence/kit/json'
import type { Logger } from '@credence/kit/telemetry'

export interface LiveDirectory extends ServerDirectory {
  /** INVARIANT: an entry stays the same object as long as nothing about its server changed. */
  update(registry: Registry): void
  server(name: string): Server | undefined
  bearer(resource: string, clientId: string): boolean
  /** How calls of a tool are asked about, where our registry says it; the same object until that changes. */
  mapping(resource: string, tool: string): JsonObject | undefined
}

const entryOf = (server: Server): ServerEntry => ({
  name: server.name,
  resource: server.resource,
  labelsOf: (tool) => (Object.hasOwn(server.labels, tool) ? (server.labels[tool] ?? {}) : {}),
})

interface Known {
  readonly text: string
  readonly server: Server
  readonly entry: ServerEntry
}

export const createLiveDirectory = (): LiveDirectory => {
  let known = new Map<string, Known>()
  let exceptions: Registry['bearer'] = []
  return {
    update: ({ servers, bearer }) => {
      exceptions = bearer
      known = new Map(
        servers.map((server) => {
          const before = known.get(server.name)
          const text = JSON.stringify(server)
          return [server.name, before?.text === text ? before : { text, server, entry: entryOf(server) }]
        }),
      )
    },
    server: (name) => known.get(name)?.server,
    find: (name) => known.get(name)?.entry,
    list: () => [...known.values()].map(({ entry }) => entry),
    mapping: (resource, tool) => {
      for (const { server } of known.values()) {
        if (server.resource !== resource || server.mappings === undefined) continue
        return Object.hasOwn(server.mappings, tool) ? server.mappings[tool] : undefined
      }
      return undefined
    },
    bearer: (resource, clientId) =>
      exceptions.some((exception) => exception.resource === resource && exception.client === clientId),
  }
}

export interface HostRules {
  readonly stdio: Readonly<Record<string, StdioConfig>>
  readonly allowPrivate: readonly string[]
  /** In reach of no child. */
  readonly hidden: readonly string[]
}

/** Where the program of a command stands: what a sandbox must leave readable for it to start. */
const programPath = (command: string): string | undefined => {
  const candidates = isAbsolute(command)
    ? [command]
    : command.includes('/')
      ? [resolve(command)]
      : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, command))
  for (const path of candidates) {
    try {
      return realpathSync(path)
    } catch {
      // The next one.
    }
  }
  return undefined
}

/** `/opt/node/bin/node` needs `/opt/node`; `/usr/bin/env` is readable anyway. */
const homeOf = (program: string): string =>
  dirname(program).endsWith('/bin') ? dirname(dirname(program)) : dirname(program)

const startable = (config: StdioConfig): StdioConfig => {
  const program = programPath(config.command)
  const read = [program, realpathSync(process.execPath)].flatMap((path) => (path === undefined ? [] : [homeOf(path)]))
  return {
    ...config,
    read: [...new Set([...read, ...(config.read ?? [])])].filter((path) => path !== '/' && path !== '/usr'),
  }
}

/** INVARIANT: the address is checked where the connection is made: a name that changes its answer changes nothing. */
const checkedLookup =
  (allowed: boolean): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const refusedAddress = addresses.find(({ address }) => !allowed && !isPublicAddress(address))
      if (refusedAddress !== undefined) return callback(privateAddress(hostname), [])
      const [first] = addresses
      if (options.all === true || first === undefined) return callback(null, addresses)
      return callback(null, first.address, first.family)
    })
  }

const privateAddress = (host: string) =>
  refused(
    'private_address',
    `${host} is on a private network. Name it in "allowPrivate" of credence.json to allow that.`,
  )

/** Loaded for the first server that is asked over HTTP, not at the start. */
const undici = () => createRequire(import.meta.url)('undici') as typeof import('undici')

const httpUpstream = (url: URL, { allowPrivate }: HostRules): (() => Upstream) => {
  const allowed = allowPrivate.includes(url.host) || allowPrivate.includes(url.hostname)
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0 && !allowed && !isPublicAddress(literal)) throw privateAddress(url.host)
  return () => {
    const { Pool } = undici()
    return createHttpUpstream({
      dispatcher: new Pool(url.origin, { connect: { lookup: checkedLookup(allowed) } }),
      url,
    })
  }
}

export interface Upstreams extends UpstreamFactory {
  /** How a stdio server of this host is held apart; `none` where the system offers nothing. */
  readonly isolation: () => Isolation
}

export const createUpstreams = (
  directory: Pick<LiveDirectory, 'server'>,
  rules: HostRules,
  deps: { readonly clock: Clock; readonly log: Logger },
): Upstreams => {
  let found: Isolation | undefined
  const isolation = (): Isolation => {
    found ??= availableIsolation()[0] ?? 'none'
    return found
  }
  const stdio = (name: string): ReturnType<UpstreamFactory['of']> => {
    const config = Object.hasOwn(rules.stdio, name) ? rules.stdio[name] : undefined
    if (config === undefined) {
      deps.log.error('stdio_not_configured', { server: name })
      return undefined
    }
    const launch = launchOf(startable(config), {
      isolation: isolation(),
      hidden: rules.hidden,
      environment: process.env,
    })
    const onLog = (line: string): void => deps.log.info('server_says', { server: name, line })
    return {
      shared: config.shared ?? false,
      make: () => createStdioUpstream({ launch, clock: deps.clock, onLog }),
    }
  }
  return {
    isolation,
    of: ({ name }) => {
      const server = directory.server(name)
      if (server === undefined) return undefined
      if (server.kind === 'stdio') return stdio(name)
      return { shared: false, make: httpUpstream(new URL(server.url ?? ''), rules) }
    },
  }
}
