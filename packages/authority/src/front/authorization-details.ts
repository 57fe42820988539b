/** What is asked for, in the terms of RFC 9396: calls of named tools of the one requested resource. */
import { type AuthorizationDetails, McpToolsDetail } from '@credence/model'
import type { Resources, ResourceView } from '../ports.ts'
import { errors } from './library-errors.ts'

const wrong = (description: string): Error => new errors.InvalidAuthorizationDetails(description)

const only = (resource: unknown): string | undefined => {
  const value = Array.isArray(resource) && resource.length === 1 ? resource[0] : resource
  return typeof value === 'string' ? value : undefined
}

/**
 * RFC 9396 section 5: unknown fields, missing fields and values that mean nothing here are refused, not ignored.
 */
export const checkRequestedDetail = async (resources: Resources, resource: unknown, detail: unknown): Promise<void> => {
  const read = McpToolsDetail.safeParse(detail)
  if (!read.success) throw wrong('authorization_details of type mcp_tools need exactly `locations` (one) and `tools`')
  const [location] = read.data.locations
  if (location !== only(resource)) throw wrong('`locations` must be the requested resource')
  const known = await resources.find(location)
  if (known === undefined) throw wrong('`locations` names a resource that is not known here')
  const names = new Set(known.tools.map((tool) => tool.name))
  const unknown = read.data.tools.find((tool) => !names.has(tool))
  if (unknown !== undefined) throw wrong('`tools` names a tool that the resource does not have')
}

/** Code point order: the same everywhere. */
const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort(byCodePoint)

/**
 * The tools that a request asks for: those it names, or every tool of the resource when it asked by scope alone.
 * A name that the registry no longer knows is dropped: nobody can consent to what cannot be shown.
 */
export const requestedTools = (parameter: unknown, resource: ResourceView): readonly string[] => {
  const known = new Set(resource.tools.map((tool) => tool.name))
  if (typeof parameter !== 'string') return sorted(known)
  const details: unknown = JSON.parse(parameter)
  if (!Array.isArray(details) || details.length === 0) return sorted(known)
  return sorted(details.flatMap((detail) => McpToolsDetail.parse(detail).tools)).filter((name) => known.has(name))
}

/** One detail names at most so many tools (see `McpToolsDetail`); more become several details. */
const TOOLS_OF_ONE = 256

/** INVARIANT: never more than what was asked for. */
export const narrowed = (
  resource: string,
  requested: readonly string[],
  chosen: readonly string[],
): AuthorizationDetails => {
  const allowed = sorted(chosen.filter((name) => requested.includes(name)))
  const details: McpToolsDetail[] = []
  for (let at = 0; at < allowed.length; at += TOOLS_OF_ONE) {
    details.push({ type: 'mcp_tools', locations: [resource], tools: allowed.slice(at, at + TOOLS_OF_ONE) })
  }
  return details
}
