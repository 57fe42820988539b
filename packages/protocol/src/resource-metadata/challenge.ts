/** RFC 9110 section 11.6.1: `WWW-Authenticate`, made and read. */
import { refused } from '@credence/kit'

export interface Challenge {
  /** As written by us (`Bearer`, `DPoP`); as read, in lower case. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

export interface ChallengeFacts {
  readonly scheme: 'Bearer' | 'DPoP'
  /** RFC 9728 section 5.1. */
  readonly resourceMetadata?: string
  readonly error?: string
  readonly errorDescription?: string
  /** Everything this operation needs, at once. */
  readonly scope?: readonly string[]
  /** RFC 9449 section 7.1, DPoP only. */
  readonly algs?: readonly string[]
  /** RFC 9470 section 3. */
  readonly acrValues?: readonly string[]
  readonly maxAge?: number
}

/** A quoted-string of printable ASCII: what could end the quotes or the header is not let through. */
const quoted = (text: string): string =>
  `"${text
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/["\\]/g, "'")
    .slice(0, 2048)}"`

/** One challenge; several are joined with `, ` into one header or sent as several. */
export const createChallenge = (facts: ChallengeFacts): string => {
  const parameters: [string, string | undefined][] = [
    ['error', facts.error],
    ['error_description', facts.errorDescription],
    ['scope', facts.scope === undefined || facts.scope.length === 0 ? undefined : facts.scope.join(' ')],
    ['resource_metadata', facts.resourceMetadata],
    ['algs', facts.scheme === 'DPoP' ? facts.algs?.join(' ') : undefined],
    ['acr_values', facts.acrValues?.join(' ')],
    ['max_age', facts.maxAge?.toString()],
  ]
  const given = parameters.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`]))
  return given.length === 0 ? facts.scheme : `${facts.scheme} ${given.join(', ')}`
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=\s*(?:,|$))/y
const SPACES = /[ \t]*/y
const SEPARATORS = /[ \t]*(?:,[ \t]*)+/y
const QUOTED = /"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"/y

const MAXIMUM_HEADER = 8192
const MAXIMUM_CHALLENGES = 8

const malformed = () => refused('challenge_malformed', 'The WWW-Authenticate header is malformed.', { status: 502 })

/** A position in the header; each `take` moves it or leaves it. */
interface Cursor {
  readonly text: string
  at: number
}

const take = (cursor: Cursor, pattern: RegExp): RegExpExecArray | undefined => {
  pattern.lastIndex = cursor.at
  const match = pattern.exec(cursor.text)
  if (match === null) return undefined
  cursor.at = pattern.lastIndex
  return match
}

/** `name = value`; undefined (and not moved) when what stands here is not a parameter. */
const takeParameter = (cursor: Cursor): readonly [string, string] | undefined => {
  const start = cursor.at
  const name = take(cursor, TOKEN)?.[0]
  take(cursor, SPACES)
  if (name === undefined || cursor.text[cursor.at] !== '=') {
    cursor.at = start
    return undefined
  }
  cursor.at++
  take(cursor, SPACES)
  const value = take(cursor, QUOTED)?.[1]?.replace(/\\(.)/g, '$1') ?? take(cursor, TOKEN)?.[0]
  if (value === undefined) {
    cursor.at = start
    return undefined
  }
  return [name.toLowerCase(), value]
}

const takeParameters = (cursor: Cursor): Record<string, string> => {
  const parameters: Record<string, string> = Object.create(null)
  for (;;) {
    const beforeSeparator = cursor.at
    const parameter = takeParameter(cursor)
    if (parameter === undefined) {
      cursor.at = beforeSeparator
      return parameters
    }
    const [name, value] = parameter
    if (name in parameters) throw malformed()
    parameters[name] = value
    const end = cursor.at
    if (take(cursor, SEPARATORS) === undefined) return parameters
    const next = cursor.at
    if (takeParameter(cursor) === undefined) {
      cursor.at = end
      return parameters
    }
    cursor.at = next
  }
}

const takeChallenge = (cursor: Cursor): Challenge => {
  const scheme = take(cursor, TOKEN)?.[0]
  if (scheme === undefined) throw malformed()
  const spaced = take(cursor, / [ \t]*/y) !== undefined
  const token68 = spaced ? take(cursor, TOKEN68)?.[0] : undefined
  if (token68 !== undefined) return { scheme: scheme.toLowerCase(), parameters: {} }
  return { scheme: scheme.toLowerCase(), parameters: spaced ? { ...takeParameters(cursor) } : {} }
}

/** Every challenge of a header field (several values are first joined with `, `). A repeated parameter is refused. */
export const parseChallenges = (header: string | readonly string[]): readonly Challenge[] => {
  const cursor: Cursor = { text: typeof header === 'string' ? header : header.join(', '), at: 0 }
  if (cursor.text.length > MAXIMUM_HEADER) throw malformed()
  const challenges: Challenge[] = []
  take(cursor, SPACES)
  take(cursor, SEPARATORS)
  while (cursor.at < cursor.text.length) {
    if (challenges.length === MAXIMUM_CHALLENGES) throw malformed()
    challenges.push(takeChallenge(cursor))
    take(cursor, SPACES)
    if (cursor.at < cursor.text.length && take(cursor, SEPARATORS) === undefined) throw malformed()
  }
  return challenges
}

/** RFC 6750 section 2.1 and RFC 9449 section 7.1: scheme without case, one space, one token; anything else is nothing. */
export const parseAuthorization = (
  header: string | undefined,
): { readonly scheme: 'bearer' | 'dpop'; readonly token: string } | undefined => {
  const match = header === undefined ? null : /^(bearer|dpop) ([A-Za-z0-9\-._~+/]+=*)$/i.exec(header)
  if (match === null) return undefined
  const [, scheme = '', token = ''] = match
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token }
}
