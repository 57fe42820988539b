/** Tells the authority what each server offers, so that consent pages can name the tools. */
import { fetchCatalog, type ServerEntry } from '@credence/gateway'
import { toCredenceError } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import type { Logger } from '@credence/kit/telemetry'
import type { LiveDirectory, Upstreams } from './servers.ts'

export interface ToolTellerDeps {
  readonly directory: LiveDirectory
  readonly upstreams: Upstreams
  readonly tell: (server: string, tools: readonly (JsonObject & { readonly name: string })[]) => Promise<void>
  readonly log: Logger
}

export interface ToolTeller {
  /** Looks at servers that are new or have changed since the last time. */
  look(): void
  close(): Promise<void>
}

const TIMEOUT_MS = 30_000

/** With a process of its own that serves nobody: what a server says of itself is asked before anybody's authority is near. */
const tell = async (entry: ServerEntry, deps: ToolTellerDeps, signal: AbortSignal): Promise<void> => {
  const made = deps.upstreams.of(entry)
  if (made === undefined) return
  const upstream = made.make()
  try {
    const catalog = await fetchCatalog(upstream, signal)
    await deps.tell(
      entry.name,
      [...catalog.values()].slice(0, 1000).map(({ definition, name }) => ({ ...definition, name })),
    )
  } finally {
    await upstream.close()
  }
}

export const createToolTeller = (deps: ToolTellerDeps): ToolTeller => {
  const told = new WeakSet<ServerEntry>()
  const running = new Set<Promise<void>>()
  const closed = new AbortController()
  const one = async (entry: ServerEntry): Promise<void> => {
    try {
      await tell(entry, deps, AbortSignal.any([closed.signal, AbortSignal.timeout(TIMEOUT_MS)]))
    } catch (error) {
      if (closed.signal.aborted) return
      const { code, message, detail } = toCredenceError(error)
      deps.log.warn('tools_unknown', { server: entry.name, code, message, detail })
    }
  }
  return {
    look: () => {
      for (const entry of deps.directory.list()) {
        if (told.has(entry) || closed.signal.aborted) continue
        told.add(entry)
        const work = one(entry).finally(() => running.delete(work))
        running.add(work)
      }
    },
    close: async () => {
      closed.abort()
      await Promise.all(running)
    },
  }
}
