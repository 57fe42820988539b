/**
 * Obligations as the annotation `@obligation` writes them:
 *
 *   notification to=security@bank.example body='A payment was made'; step-up acr_value=urn:bank:strong
 *
 * A type, then members as `name=value`; several obligations have `;` between them. A value with spaces or `;` stands in single
 * quotes, and a quote in it is written twice. What comes out is of the AuthZEN Profile for Obligations, draft 1.
 */
import {
  OBLIGATION_TYPES,
  type ObligationType,
  readObligations,
  UNREADABLE,
} from '@credence/protocol/authzen/obligations-draft-1'

export interface WrittenObligation {
  readonly type: ObligationType
  readonly properties: Readonly<Record<string, string | readonly string[]>>
}

/** What is wrong, and what to write instead. */
export class WrongObligation extends Error {
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

const MOST = 8
const LONGEST = 4096
/** A word, a quoted value that may touch it, `;`. Each alternative begins differently, so matching is linear. */
const PART = /\s*(?:(;)|([A-Za-z_][A-Za-z0-9_-]*)(?:(=)(?:'((?:[^']|'')*)'|([^\s;']+))?)?(?=[\s;]|$))/y

interface Part {
  readonly kind: 'end' | 'type' | 'member'
  readonly name: string
  readonly value: string
}

const partOf = ([, end, name = '', equals, quoted, bare]: RegExpExecArray): Part => {
  if (end !== undefined) return { kind: 'end', name: '', value: '' }
  if (equals === undefined) return { kind: 'type', name, value: '' }
  return { kind: 'member', name, value: quoted?.replaceAll("''", "'") ?? bare ?? '' }
}

const partsOf = (text: string): Part[] => {
  const parts: Part[] = []
  const trimmed = text.trimEnd()
  for (let at = 0; at < trimmed.length; at = PART.lastIndex) {
    PART.lastIndex = at
    const match = PART.exec(trimmed)
    if (match === null) {
      const rest = trimmed.slice(at).trimStart().slice(0, 40)
      throw new WrongObligation(
        `\`${rest}\` cannot be read in an obligation.`,
        "write a type and members, as in notification to=ops@example.com body='A payment was made'",
      )
    }
    parts.push(partOf(match))
  }
  return parts
}

const statementsOf = (parts: readonly Part[]): Part[][] => {
  const statements: Part[][] = [[]]
  for (const part of parts) {
    if (part.kind === 'end') statements.push([])
    else statements.at(-1)?.push(part)
  }
  return statements
}

const typeOf = (part: Part | undefined): ObligationType => {
  const known = OBLIGATION_TYPES.find((type) => part?.kind === 'type' && type === part.name)
  if (known !== undefined) return known
  const said =
    part === undefined ? 'There is no obligation here.' : `There is no obligation of the type "${part.name}".`
  throw new WrongObligation(said, `known are ${OBLIGATION_TYPES.join(', ')}`)
}

/** The one member that is a list. */
const LISTS: ReadonlySet<string> = new Set(['amr_values'])

const memberValue = ({ name, value }: Part): string | readonly string[] =>
  LISTS.has(name) ? value.split(',').map((item) => item.trim()) : value

const NEEDS: Readonly<Record<ObligationType, string>> = {
  'step-up': 'it needs acr_value, and may have amr_values=pwd,hwk',
  notification: 'it needs to and body, and may have topic',
  session_termination: 'it needs subject',
  custom: 'its members are your own',
}

/** By the very rules that enforcement points read with. */
const mustBeReadable = ({ type, properties }: WrittenObligation): void => {
  const [read] = readObligations({ obligations: [{ id: '1', type, properties }] })
  if (read?.type === UNREADABLE) throw new WrongObligation(`The obligation "${type}" is not complete.`, NEEDS[type])
}

const obligationOf = ([first, ...members]: readonly Part[]): WrittenObligation => {
  const type = typeOf(first)
  const found = new Map<string, string | readonly string[]>()
  for (const member of members) {
    if (member.kind !== 'member')
      throw new WrongObligation(
        `"${member.name}" has no value.`,
        `write ${member.name}=VALUE, or \`;\` before another obligation`,
      )
    if (found.has(member.name)) throw new WrongObligation(`"${member.name}" stands twice.`, 'say it once')
    found.set(member.name, memberValue(member))
  }
  const written = { type, properties: Object.fromEntries(found) }
  mustBeReadable(written)
  return written
}

/** Throws `WrongObligation` for anything that is not exactly that. */
export const parseObligations = (text: string): readonly WrittenObligation[] => {
  if (text.length > LONGEST)
    throw new WrongObligation('These obligations are too long.', `at most ${LONGEST} characters`)
  const all = statementsOf(partsOf(text)).map(obligationOf)
  if (all.length > MOST) throw new WrongObligation('These are too many obligations.', `at most ${MOST} on one policy`)
  return all
}

const quoted = (value: string): string => (/^[^\s;']+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`)

const shown = (value: string | readonly string[]): string => quoted(typeof value === 'string' ? value : value.join(','))

/** The text that `parseObligations` reads as these. */
export const obligationsText = (all: readonly WrittenObligation[]): string =>
  all
    .map(({ type, properties }) =>
      [type, ...Object.entries(properties).map(([name, value]) => `${name}=${shown(value)}`)].join(' '),
    )
    .join('; ')
