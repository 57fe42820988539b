/**
 * What fills the gaps of a template: each value in Cedar's and in JSON's form, so that it cannot become anything else.
 */
import { refused } from '@credence/kit'
import type { JsonValue } from '@credence/kit/json'
import { parseDatetime } from '../compile/extensions/datetime.ts'

export type Kind = 'text' | 'texts' | 'agents' | 'effects' | 'number' | 'name' | 'time' | 'hour' | 'zone'

export interface Parameter {
  readonly name: string
  /** Of the command line. */
  readonly flag: string
  readonly kind: Kind
  readonly about: string
  readonly default?: string
  /** The parameter that its value has to be greater than. */
  readonly after?: string
}

/** What stands in a gap: in Cedar's text, and as JSON. */
export interface Value {
  readonly cedar: string
  readonly json: JsonValue
}

type Named = Readonly<Record<string, Value>>

const wrong = (parameter: Parameter, message: string) =>
  refused('template_value', `--${parameter.flag}: ${message} (${parameter.about})`, { status: 422 })

/** Visible characters only: a value never ends a comment or a string. */
const isVisible = (text: string): boolean => text !== '' && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)

const quoted = (text: string): string => `"${inQuotes(text)}"`
/** The escapes that Cedar and JSON share. */
const inQuotes = (text: string): string => text.replace(/["\\]/g, '\\$&')

const same = (text: string): Value => ({ cedar: text, json: text })

const one = (parameter: Parameter, given: readonly string[]): string => {
  const [text = parameter.default, ...more] = given
  if (text === undefined) throw wrong(parameter, 'it is missing')
  if (more.length > 0) throw wrong(parameter, 'only one may be given')
  if (!isVisible(text)) throw wrong(parameter, 'it holds what cannot be seen')
  return text
}

const numbers = (parameter: Parameter, given: readonly string[]): Named => {
  const text = one(parameter, given)
  const number = Number(text)
  if (!/^\d{1,15}$/.test(text)) throw wrong(parameter, 'a whole number is needed')
  const { name } = parameter
  return {
    [name]: { cedar: String(number), json: number },
    [`${name}.more`]: { cedar: String(number + 1), json: number + 1 },
  }
}

const EFFECTS: readonly string[] = ['read', 'write', 'delete', 'pay', 'send', 'execute']

const lists = (parameter: Parameter, given: readonly string[]): Named => {
  const [first] = given
  if (first === undefined) throw wrong(parameter, 'it is missing')
  if (!given.every(isVisible)) throw wrong(parameter, 'it holds what cannot be seen')
  const { name, kind } = parameter
  const stray = kind === 'effects' ? given.find((text) => !EFFECTS.includes(text)) : undefined
  if (stray !== undefined) throw wrong(parameter, `"${stray}" is no effect`)
  const item = (text: string): string => (kind === 'agents' ? `Agent::${quoted(text)}` : quoted(text))
  return {
    [name]: { cedar: given.map(item).join(', '), json: given },
    [`${name}.first`]: { cedar: inQuotes(first), json: first },
  }
}

/** `before`: one second earlier. */
const times = (parameter: Parameter, given: readonly string[]): Named => {
  const text = one(parameter, given)
  const ms = parseDatetime(text)?.ms
  if (typeof ms !== 'number') throw wrong(parameter, 'a time is needed')
  const before = new Date(ms - 1000).toISOString()
  if (parseDatetime(before) === undefined) throw wrong(parameter, 'nobody can say this year')
  return { [parameter.name]: same(text), [`${parameter.name}.before`]: same(before) }
}

const hours = (parameter: Parameter, given: readonly string[]): Named => {
  const text = one(parameter, given)
  if (!/^(?:[01]\d|2[0-3])$/.test(text)) throw wrong(parameter, 'two digits are needed')
  return { [parameter.name]: same(text) }
}

/** As a span, `5h30m`, and as it is written, `+0530`. */
const zones = (parameter: Parameter, given: readonly string[]): Named => {
  const text = one(parameter, given)
  const [, sign, hour = '', minute = ''] = /^([+-])(0\d|1[0-4])([0-5]\d)$/.exec(text) ?? []
  if (sign === undefined) throw wrong(parameter, 'sign and four digits are needed')
  const span = `${sign === '-' ? '-' : ''}${Number(hour)}h${Number(minute)}m`
  return { [parameter.name]: same(span), [`${parameter.name}.text`]: same(text) }
}

const texts = (parameter: Parameter, given: readonly string[]): Named => {
  const text = one(parameter, given)
  if (parameter.kind === 'name' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) {
    throw wrong(parameter, 'letters, digits and underscores only')
  }
  return { [parameter.name]: { cedar: inQuotes(text), json: text } }
}

const READERS: Readonly<Record<Kind, (parameter: Parameter, given: readonly string[]) => Named>> = {
  text: texts,
  name: texts,
  texts: lists,
  agents: lists,
  effects: lists,
  number: numbers,
  time: times,
  hour: hours,
  zone: zones,
}

/** By the name of the gap. Throws `refused` for a value that is missing or not of its kind. */
export const valuesOf = (parameter: Parameter, given: readonly string[]): Named =>
  READERS[parameter.kind](parameter, given)

/** INVARIANT: what is filled can be true at some time: nobody asks for a policy that never permits. */
export const requireOrder = (parameters: readonly Parameter[], values: ReadonlyMap<string, Value>): void => {
  for (const parameter of parameters) {
    const { name, after } = parameter
    if (after === undefined) continue
    const [low, high] = [values.get(after)?.cedar ?? '', values.get(name)?.cedar ?? '']
    if (Number(high) <= Number(low))
      throw wrong(parameter, `${high} is not after --${after} ${low}, so that nothing would ever be permitted`)
  }
}
