/** Facts from JSON: what is not known is refused where it stands, never passed over. */
import type { JsonValue } from '@credence/kit/json'
import type { ProofMethod } from '@credence/model'
import { parseDatetime } from '../compile/extensions/datetime.ts'
import { type AgentSaid, FACTS_ISSUER, type Facts, type GrantSaid, TOOL_METHOD } from './facts.ts'
import type { JsonPath } from './json-place.ts'

export type Json = { readonly [name: string]: JsonValue }

/** Something in a JSON file that is not as it should be. */
export class WrongJson extends Error {
  readonly path: JsonPath
  constructor(path: JsonPath, message: string) {
    super(message)
    this.path = path
  }
}

const wrong = (path: JsonPath, message: string): never => {
  throw new WrongJson(path, message)
}

export const objectAt = (value: JsonValue | undefined, path: JsonPath, names: readonly string[]): Json => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return wrong(path, 'An object is needed here.')
  const unknown = Object.keys(value).find((name) => !names.includes(name))
  if (unknown !== undefined) wrong([...path, unknown], `"${unknown}" is not known here; known are ${names.join(', ')}.`)
  return value as Json
}

export const textAt = (value: JsonValue | undefined, path: JsonPath): string =>
  typeof value === 'string' && value !== '' ? value : wrong(path, 'A text is needed here.')

export const textsAt = (value: JsonValue | undefined, path: JsonPath): readonly string[] =>
  Array.isArray(value)
    ? value.map((item: JsonValue, index) => textAt(item, [...path, index]))
    : wrong(path, 'A list of texts is needed here.')

const flagAt = (value: JsonValue | undefined, path: JsonPath): boolean =>
  typeof value === 'boolean' ? value : wrong(path, 'true or false is needed here.')

export const oneOf = <T extends string>(value: JsonValue | undefined, path: JsonPath, known: readonly T[]): T =>
  known.find((one) => one === value) ?? wrong(path, `One of ${known.join(', ')} is needed here.`)

/** As Cedar writes a `datetime`. */
const timeAt = (value: JsonValue | undefined, path: JsonPath): number => {
  const read = typeof value === 'string' ? parseDatetime(value) : undefined
  return read === undefined
    ? wrong(path, 'A time is needed here, such as "2026-01-07T09:30:00Z" or "2026-01-07T09:30:00+0100".')
    : Number(read.ms)
}

type Readers = { readonly [name: string]: (value: JsonValue, path: JsonPath) => unknown }

/** Members that are there, each by its reader. */
const members = (value: JsonValue | undefined, path: JsonPath, readers: Readers): Record<string, unknown> => {
  const object = objectAt(value, path, Object.keys(readers))
  return Object.fromEntries(
    Object.entries(object).map(([name, member]) => [name, readers[name]?.(member, [...path, name])]),
  )
}

const needed = (found: Record<string, unknown>, name: string, path: JsonPath): void => {
  if (found[name] === undefined) wrong(path, `"${name}" is missing here.`)
}

const AGENT: Readers = {
  id: textAt,
  role: (value, path) => oneOf(value, path, ['agent', 'operator', 'node']),
  status: (value, path) => oneOf(value, path, ['active', 'suspended', 'retired', 'unknown']),
  owner: textAt,
  groups: textsAt,
}
const PERSON: Readers = {
  id: textAt,
  issuer: textAt,
  role: (value, path) => oneOf(value, path, ['owner', 'member', 'unknown']),
  owners: textsAt,
}
const SERVER: Readers = { resource: textAt, name: textAt, registered: flagAt }
const TOOL: Readers = {
  name: textAt,
  effect: (value, path) => oneOf(value, path, ['read', 'write', 'delete', 'pay', 'send', 'execute']),
  publicData: flagAt,
  dataClass: textAt,
  reversible: flagAt,
  untrusted: flagAt,
  definition: textAt,
}

/** A text is short for an object with this one member. */
const named =
  (member: string, readers: Readers) =>
  (value: JsonValue, path: JsonPath): unknown => {
    if (typeof value === 'string') return { [member]: textAt(value, path) }
    const found = members(value, path, readers)
    needed(found, member, path)
    return found
  }

/** Tool names at the server in question, or objects that name their server. */
const grantAt = (value: JsonValue, path: JsonPath): readonly (string | GrantSaid)[] => {
  if (!Array.isArray(value)) return wrong(path, 'A list of tool names is needed here.')
  return value.map((item: JsonValue, index) => {
    const at = [...path, index]
    if (typeof item === 'string') return textAt(item, at)
    const found = members(item, at, { server: textAt, tools: textsAt })
    needed(found, 'server', at)
    needed(found, 'tools', at)
    return found as unknown as GrantSaid
  })
}

const FACTS: Readers = {
  issuer: textAt,
  agent: named('id', AGENT),
  via: textsAt,
  client: textAt,
  person: named('id', PERSON),
  grant: grantAt,
  server: named('resource', SERVER),
  tool: named('name', TOOL),
  method: textAt,
  target: textAt,
  arguments: (value, path) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? value
      : wrong(path, 'Arguments are an object.'),
  scopes: textsAt,
  proof: (value, path) => oneOf<ProofMethod>(value, path, ['dpop', 'mtls', 'client_assertion', 'none']),
  own: flagAt,
  untrusted: flagAt,
  now: timeAt,
  until: timeAt,
  instance: textAt,
}

export const FACT_NAMES: readonly string[] = Object.keys(FACTS)

const here = (grant: readonly (string | GrantSaid)[], server: string): readonly GrantSaid[] => {
  const tools = grant.filter((one) => typeof one === 'string')
  const elsewhere = grant.filter((one) => typeof one !== 'string')
  return [...(tools.length === 0 ? [] : [{ server, tools }]), ...elsewhere]
}

/** `value`: one object of facts; `null` says that something is not there. */
export const readFacts = (value: JsonValue | undefined, path: JsonPath): Facts => {
  const given = Object.fromEntries(
    Object.entries(objectAt(value, path, FACT_NAMES)).filter(([, member]) => member !== null),
  )
  const found = members(given, path, FACTS) as Partial<Omit<Facts, 'grant'>> & {
    readonly grant?: readonly (string | GrantSaid)[]
  }
  const { grant, ...rest } = found
  if (rest.server === undefined) return wrong(path, '"server" is missing: which resource is it about?')
  const method = rest.method ?? (rest.tool === undefined ? undefined : TOOL_METHOD)
  if (method === undefined) return wrong(path, '"tool" or "method" is missing: what is to be done?')
  if (method === TOOL_METHOD && rest.tool === undefined) return wrong(path, 'Which tool? "tool" is missing.')
  if (method !== TOOL_METHOD && rest.tool !== undefined) {
    return wrong([...path, 'tool'], `"tool" goes with ${TOOL_METHOD}; say what ${method} is applied to as "target".`)
  }
  if (rest.agent === undefined && rest.client === undefined && rest.person === undefined) {
    return wrong(path, 'Nobody acts here: "agent", "client" or "person" is missing.')
  }
  const agent = rest.agent as AgentSaid | undefined
  if (grant !== undefined && rest.person === undefined) {
    return wrong([...path, 'grant'], 'A grant is what a person allowed: "person" is missing.')
  }
  return {
    ...rest,
    issuer: rest.issuer ?? FACTS_ISSUER,
    ...(agent === undefined ? {} : { agent }),
    ...(grant === undefined ? {} : { grant: here(grant, rest.server.resource) }),
    server: rest.server,
    method,
  }
}
