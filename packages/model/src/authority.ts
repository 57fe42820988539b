/**
 * How much somebody may do, and whether one much is within another.
 *
 * INVARIANT: authority never grows. Every function here is total: it answers for any input, and what it does not
 * understand is outside.
 */
import { isPassThrough } from '@credence/protocol/coaz/pass-through'
import type { AuthorizationDetails } from './authorization-details.ts'
import type { CallerFacts } from './caller.ts'
import type { Operation } from './operation.ts'

export interface Authority {
  readonly scope: readonly string[]
  readonly authorizationDetails: readonly { readonly type: string }[]
}

/** The first thing that grew, in words that may be shown. */
export interface Growth {
  readonly what: 'scope' | 'type' | 'location' | 'tool'
  readonly value: string
}

export type SubsetAnswer = { readonly subset: true } | { readonly subset: false; readonly grew: Growth }

const SUBSET: SubsetAnswer = { subset: true }
const grew = (what: Growth['what'], value: string): SubsetAnswer => ({ subset: false, grew: { what, value } })

const isStrings = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

interface McpTools {
  readonly location: string
  readonly tools: readonly string[]
}

/** Details that nobody can change any more, with what was read: those of a token are asked about in every call. */
const known = new WeakMap<object, McpTools>()

const isForEver = (detail: object, { locations, tools }: Readonly<Record<string, unknown>>): boolean =>
  Object.isFrozen(detail) && Object.isFrozen(locations) && Object.isFrozen(tools)

const readMcpTools = (detail: { readonly type: string }): McpTools | undefined => {
  const before = known.get(detail)
  if (before !== undefined) return before
  const read = readDetail(detail)
  if (read !== undefined && isForEver(detail, { ...detail })) known.set(detail, read)
  return read
}

/** Reads without trusting the type: details may come from a token of somebody else. */
const readDetail = (detail: { readonly type: string }): McpTools | undefined => {
  const { locations, tools } = detail as Readonly<Record<string, unknown>>
  // INVARIANT: type, locations, tools, and nothing beside them that might narrow what they say.
  if (detail.type !== 'mcp_tools' || Object.keys(detail).length !== 3) return undefined
  if (!isStrings(locations) || !isStrings(tools) || tools.length === 0) return undefined
  const [location, ...more] = locations
  if (location === undefined || more.length > 0) return undefined
  return { location, tools }
}

/** Tools by location. Undefined when a detail is not understood. */
type Reach = ReadonlyMap<string, ReadonlySet<string>>

const reachOf = (details: Authority['authorizationDetails']): { readonly reach: Reach; readonly unknown: string[] } => {
  const reach = new Map<string, Set<string>>()
  const unknown: string[] = []
  for (const detail of details) {
    const known = readMcpTools(detail)
    if (known === undefined) {
      unknown.push(detail.type)
      continue
    }
    const tools = reach.get(known.location) ?? new Set<string>()
    for (const tool of known.tools) tools.add(tool)
    reach.set(known.location, tools)
  }
  return { reach, unknown }
}

const reachGrew = (child: Reach, parent: Reach): SubsetAnswer => {
  for (const [location, tools] of child) {
    const allowed = parent.get(location)
    if (allowed === undefined) return grew('location', location)
    for (const tool of tools) if (!allowed.has(tool)) return grew('tool', tool)
  }
  return SUBSET
}

/** Is everything that `child` may do something that `parent` may do? A detail of an unknown type is compared with nothing. */
export const isSubset = (child: Authority, parent: Authority): SubsetAnswer => {
  const held = new Set(parent.scope)
  for (const scope of child.scope) if (!held.has(scope)) return grew('scope', scope)
  const wanted = reachOf(child.authorizationDetails)
  const [unknown] = wanted.unknown
  if (unknown !== undefined) return grew('type', unknown)
  return reachGrew(wanted.reach, reachOf(parent.authorizationDetails).reach)
}

const detailsOf = (reach: Reach): AuthorizationDetails =>
  [...reach]
    .filter(([, tools]) => tools.size > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([location, tools]) => ({ type: 'mcp_tools', locations: [location], tools: [...tools].sort() }))

/** One detail for one location, tools sorted and once; details that are not understood are dropped. */
export const normalizeDetails = (details: Authority['authorizationDetails']): AuthorizationDetails =>
  detailsOf(reachOf(details).reach)

/** What both may do. What either does not understand is in neither. */
export const intersect = (
  a: Authority,
  b: Authority,
): { readonly scope: readonly string[]; readonly authorizationDetails: AuthorizationDetails } => {
  const scope = new Set(b.scope)
  const { reach: left } = reachOf(a.authorizationDetails)
  const { reach: right } = reachOf(b.authorizationDetails)
  const both = new Map<string, ReadonlySet<string>>()
  for (const [location, tools] of left) {
    const others = right.get(location)
    if (others !== undefined) both.set(location, new Set([...tools].filter((tool) => others.has(tool))))
  }
  return {
    scope: [...new Set(a.scope.filter((name) => scope.has(name)))].sort(),
    authorizationDetails: detailsOf(both),
  }
}

/** Calls that speak about the connection or list what there is; what a list shows is decided item by item. */
const ABOUT_THE_SERVER: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'prompts/list',
  'logging/setLevel',
  // The stream and the end of a session, where a server has them.
  'http.get',
  'http.delete',
])

/**
 * Does a grant of tools cover this operation? A tool call needs its very name at its very location, byte for byte; calls
 * about the server need any tool of it; everything else is outside what `mcp_tools` can allow.
 */
export const grantCovers = (
  details: Authority['authorizationDetails'],
  operation: Pick<Operation, 'resource' | 'method' | 'name'>,
): boolean => {
  const { resource, method, name } = operation
  const isHere = (detail: { readonly type: string }): boolean => readMcpTools(detail)?.location === resource
  if (method === 'tools/call')
    return details.some((detail) => isHere(detail) && readMcpTools(detail)?.tools.includes(name) === true)
  return name === '' && (ABOUT_THE_SERVER.has(method) || isPassThrough(method)) && details.some(isHere)
}

/** The authority as its clients' end of it, and as the interface of its administration. */
const isAuthorityOf = (issuer: string, resource: string): boolean => resource === issuer || resource === `${issuer}/v1`

/**
 * RFC 9396 section 2.2: does what the token carries leave room for this operation? Asked before any policy is.
 *
 * Details say all that was allowed. INVARIANT: a grant that names nothing allows nothing. Only a token behind which
 * nobody's grant stands (an agent for itself, somebody else's authorization server) leaves the question to scope and
 * policy; so do acts on the authority itself, of which no detail speaks.
 */
export const tokenCovers = (
  caller: Pick<CallerFacts, 'authorizationDetails' | 'grant' | 'subject'>,
  operation: Pick<Operation, 'resource' | 'method' | 'name'>,
): boolean =>
  caller.authorizationDetails.length === 0
    ? caller.grant === undefined || isAuthorityOf(caller.subject.iss, operation.resource)
    : grantCovers(caller.authorizationDetails, operation)
