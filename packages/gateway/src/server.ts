/** One MCP server as the gateway serves it: its guard, its upstreams and what its tools are. */

import type { Guard } from '@credence/guard'
import type { Clock } from '@credence/kit'
import type { Party, ToolLabels } from '@credence/model'
import { type Catalogs, createCatalogs } from './catalog.ts'
import { createUpstreamPool, type UpstreamPool } from './upstream/pool.ts'
import type { Upstream } from './upstream/upstream.ts'

/** What the registry says of a server. Labels stand here and nowhere else: the server's own annotations are ignored. */
export interface ServerEntry {
  /** The last segment of the path: `/mcp/<name>`. */
  readonly name: string
  /** Resource identifier (RFC 8707): what clients call and what their tokens are for. */
  readonly resource: string
  readonly labelsOf: (tool: string) => ToolLabels
}

/** Which servers there are now. Asked on every request; must answer from memory. */
export interface ServerDirectory {
  find(name: string): ServerEntry | undefined
  list(): readonly ServerEntry[]
}

/** Makes the upstream of a server. Only the composition root knows commands and addresses. */
export interface UpstreamFactory {
  /** `shared`: one upstream for all subjects. HTTP servers are, since a session of theirs is kept for each subject otherwise. */
  of(entry: ServerEntry): { readonly shared: boolean; readonly make: () => Upstream } | undefined
}

export interface GatewayServer {
  readonly entry: ServerEntry
  readonly guard: Guard
  readonly catalogs: Catalogs
  acquire(subject: Party): ReturnType<UpstreamPool['acquire']>
  close(): Promise<void>
}

export interface GatewayServers {
  find(name: string): GatewayServer | undefined
  close(): Promise<void>
}

export interface ServersDeps {
  readonly directory: ServerDirectory
  readonly upstreams: UpstreamFactory
  readonly guardOf: (entry: ServerEntry) => Guard
  readonly clock: Clock
}

/** Runtime parts are made at the first call of a server, and dropped when the registry no longer names it. */
export const createServers = ({ directory, upstreams, guardOf, clock }: ServersDeps): GatewayServers => {
  const running = new Map<string, GatewayServer>()

  const start = (entry: ServerEntry): GatewayServer | undefined => {
    const made = upstreams.of(entry)
    if (made === undefined) return undefined
    const pool = createUpstreamPool({ ...made, clock })
    const server = {
      entry,
      guard: guardOf(entry),
      catalogs: createCatalogs(),
      acquire: pool.acquire,
      close: pool.close,
    }
    running.set(entry.name, server)
    return server
  }

  return {
    find: (name) => {
      const entry = directory.find(name)
      const known = running.get(name)
      if (known !== undefined && known.entry !== entry) {
        running.delete(name)
        void known.close()
      }
      if (entry === undefined) return undefined
      return running.get(name) ?? start(entry)
    },
    close: async () => {
      await Promise.all([...running.values()].map((server) => server.close()))
      running.clear()
    },
  }
}
