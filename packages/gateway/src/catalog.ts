/**
 * The tools of one upstream as it described them last, each with the hash of its definition. Descriptions are
 * untrusted: nothing in here is a label, and nothing in here is fetched.
 */
import { unavailable } from '@credence/kit'
import { toolDefinitionHash } from '@credence/model'
import { type ParamHeader, paramHeaders } from '@credence/protocol/mcp/rev-2026-07-28'
import { modernMeta } from './upstream/handshake.ts'
import { isObject, type JsonObject, type Upstream } from './upstream/upstream.ts'

const MAX_PAGES = 64
const MAX_TOOLS = 4096

export interface Tool {
  readonly name: string
  readonly definition: JsonObject
  /** `toolDefinitionHash` of the definition. */
  readonly hash: string
  /** `x-mcp-header` annotations (MCP 2026-07-28, tools). */
  readonly mirrored: readonly ParamHeader[]
}

export type Catalog = ReadonlyMap<string, Tool>

/** > Clients MUST exclude the invalid tool from the result of `tools/list` (2026-07-28, x-mcp-header). */
export const toolOf = (definition: unknown): Tool | undefined => {
  if (!isObject(definition) || typeof definition.name !== 'string' || definition.name.length === 0) return undefined
  const mirrored = paramHeaders(definition.inputSchema ?? null)
  if (mirrored === undefined) return undefined
  return { name: definition.name, definition, hash: toolDefinitionHash(definition), mirrored }
}

/** Asks the upstream for all pages. INVARIANT: a name that comes twice is dropped, both of it: nobody can tell which one is meant. */
export const fetchCatalog = async (upstream: Upstream, signal: AbortSignal): Promise<Catalog> => {
  const tools = new Map<string, Tool>()
  const twice = new Set<string>()
  let cursor: string | undefined
  const { era } = await upstream.info()
  const meta: JsonObject = era === 'modern' ? { _meta: modernMeta } : {}
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await upstream.call({
      method: 'tools/list',
      params: { ...(cursor === undefined ? {} : { cursor }), ...meta },
      signal,
      onNotification: () => {},
    })
    if ('error' in answer) {
      // -32601: a server without tools.
      if (answer.error.code === -32601) return tools
      throw unavailable('upstream_tools', 'The server behind the gateway does not list its tools.', {
        status: 502,
        detail: answer.error.message,
      })
    }
    for (const item of Array.isArray(answer.result.tools) ? answer.result.tools : []) {
      const tool = toolOf(item)
      if (tool === undefined) continue
      if (tools.has(tool.name)) twice.add(tool.name)
      tools.set(tool.name, tool)
    }
    const next = answer.result.nextCursor
    if (typeof next !== 'string' || tools.size > MAX_TOOLS) break
    cursor = next
  }
  for (const name of twice) tools.delete(name)
  return tools
}

export interface Catalogs {
  /** The tools as listed last; undefined when nobody has asked yet. */
  known(upstream: Upstream): Catalog | undefined
  refresh(upstream: Upstream, signal: AbortSignal): Promise<Catalog>
}

/** Remembered for as long as the upstream object lives. */
export const createCatalogs = (): Catalogs => {
  const known = new WeakMap<Upstream, Catalog>()
  const refresh = async (upstream: Upstream, signal: AbortSignal): Promise<Catalog> => {
    const catalog = await fetchCatalog(upstream, signal)
    known.set(upstream, catalog)
    return catalog
  }
  return { known: (upstream) => known.get(upstream), refresh }
}
