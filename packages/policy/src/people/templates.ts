/**
 * Ready-made policies with gaps, each with the expectations that its author had. What fills a gap is a value in Cedar's
 * and JSON's form, so that it cannot become anything else.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { refused } from '@credence/kit'
import { type JsonValue, parseStrict } from '@credence/kit/json'
import type { PolicySnapshot } from '../snapshot.ts'

type Kind = 'text' | 'texts' | 'agents' | 'number' | 'name'

export interface Parameter {
  readonly name: string
  /** Of the command line. */
  readonly flag: string
  readonly kind: Kind
  readonly about: string
  readonly default?: string
}

export interface Template {
  readonly name: string
  readonly title: string
  readonly about: string
  readonly parameters: readonly Parameter[]
  /** Cedar's type of the argument that the policy reads. */
  readonly arguments?: string
}

export interface Filled {
  readonly id: string
  readonly cedar: string
  readonly expectations: string
  /** The argument that it reads, and what a folder's schema must declare for it. */
  readonly argument?: string
  readonly schema?: string
}

const SHIPPED = new URL('../../policies/templates/', import.meta.url)

const read = (file: string): string => readFileSync(new URL(file, SHIPPED), 'utf8')

const isTemplate = (file: string): boolean => file.endsWith('.json') && !file.endsWith('.test.json')

export const listTemplates = (): readonly Template[] =>
  readdirSync(SHIPPED)
    .filter(isTemplate)
    .sort()
    .map((file) => ({ name: file.slice(0, -'.json'.length), ...(JSON.parse(read(file)) as Omit<Template, 'name'>) }))

const known = (name: string): Template => {
  const all = listTemplates()
  const found = all.find((one) => one.name === name)
  if (found !== undefined) return found
  throw refused(
    'template_unknown',
    `There is no template ${name}. There are: ${all.map((one) => one.name).join(', ')} (\`credence policy templates\`).`,
    { status: 404 },
  )
}

const wrong = (parameter: Parameter, message: string) =>
  refused('template_value', `--${parameter.flag}: ${message} (${parameter.about})`, { status: 422 })

/** Visible characters only: a value never ends a comment or a string. */
const isVisible = (text: string): boolean => text !== '' && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)

/** What stands in a gap: in Cedar's text, and as JSON. */
interface Value {
  readonly cedar: string
  readonly json: JsonValue
}

const quoted = (text: string): string => `"${inQuotes(text)}"`
/** The escapes that Cedar and JSON share. */
const inQuotes = (text: string): string => text.replace(/["\\]/g, '\\$&')

const one = (parameter: Parameter, given: readonly string[]): string => {
  const [text = parameter.default, ...more] = given
  if (text === undefined) throw wrong(parameter, 'it is missing')
  if (more.length > 0) throw wrong(parameter, 'only one may be given')
  if (!isVisible(text)) throw wrong(parameter, 'it holds what cannot be seen')
  return text
}

const numbers = (parameter: Parameter, given: readonly string[]): Record<string, Value> => {
  const text = one(parameter, given)
  const number = Number(text)
  if (!/^\d{1,15}$/.test(text)) throw wrong(parameter, 'a whole number is needed')
  const { name } = parameter
  return {
    [name]: { cedar: String(number), json: number },
    [`${name}.more`]: { cedar: String(number + 1), json: number + 1 },
  }
}

const lists = (parameter: Parameter, given: readonly string[]): Record<string, Value> => {
  const [first] = given
  if (first === undefined) throw wrong(parameter, 'it is missing')
  if (!given.every(isVisible)) throw wrong(parameter, 'it holds what cannot be seen')
  const { name, kind } = parameter
  const item = (text: string): string => (kind === 'agents' ? `Agent::${quoted(text)}` : quoted(text))
  return {
    [name]: { cedar: given.map(item).join(', '), json: given },
    [`${name}.first`]: { cedar: inQuotes(first), json: first },
  }
}

const valuesOf = (parameter: Parameter, given: readonly string[]): Record<string, Value> => {
  const { name, kind } = parameter
  if (kind === 'number') return numbers(parameter, given)
  if (kind === 'texts' || kind === 'agents') return lists(parameter, given)
  const text = one(parameter, given)
  if (kind === 'name' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) {
    throw wrong(parameter, 'letters, digits and underscores only')
  }
  return { [name]: { cedar: inQuotes(text), json: text } }
}

type Values = ReadonlyMap<string, Value>

const GAP = /\{\{([a-z.]+)\}\}/g

const filling = (values: Values, name: string): Value => {
  const value = values.get(name)
  if (value === undefined) throw new TypeError(`a template has a gap without a parameter: ${name}`)
  return value
}

const fillText = (text: string, values: Values): string =>
  text.replace(GAP, (_gap, name: string) => filling(values, name).cedar)

const fillString = (text: string, values: Values): JsonValue => {
  const whole = /^\{\{([a-z.]+)\}\}$/.exec(text)?.[1]
  if (whole !== undefined) return filling(values, whole).json
  return text.replace(GAP, (_gap, name: string) => String(filling(values, name).json))
}

/** A list in a list stands for its items. */
const fillJson = (value: JsonValue, values: Values): JsonValue => {
  if (typeof value === 'string') return fillString(value, values)
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => fillJson(item, values))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [String(fillString(name, values)), fillJson(inner, values)]),
  )
}

const ID = /^[a-z0-9][a-z0-9-]{0,60}$/

/** Can policies of this set read the argument as a whole number? */
export const readsArgument = ({ readArguments }: PolicySnapshot, argument: string): boolean =>
  typeof readArguments({ [argument]: 1 }).arguments?.get(argument) === 'number'

/** `given`: values by flag. Throws `refused` for a value that is missing or not of its kind. */
export const fillTemplate = (name: string, given: Readonly<Record<string, readonly string[]>>): Filled => {
  const template = known(name)
  const id = given.id?.[0] ?? name
  if (!ID.test(id)) throw refused('template_value', '--id: small letters, digits and hyphens only', { status: 422 })
  const taken = new Set(['id', ...template.parameters.map(({ flag }) => flag)])
  const stray = Object.keys(given).find((flag) => !taken.has(flag))
  if (stray !== undefined) {
    throw refused('template_value', `--${stray} has no place in ${name}; it takes ${[...taken].join(', ')}.`, {
      status: 422,
    })
  }
  const values: Values = new Map([
    ['id', { cedar: id, json: id }],
    ...template.parameters.flatMap((parameter) => Object.entries(valuesOf(parameter, given[parameter.flag] ?? []))),
  ])
  const expectations = fillJson(parseStrict(read(`${name}.test.json`)), values)
  const argument = values.get('argument')?.cedar
  return {
    id,
    cedar: fillText(read(`${name}.cedar`), values),
    expectations: `${JSON.stringify(expectations, null, 2)}\n`,
    ...(template.arguments === undefined || argument === undefined
      ? {}
      : { argument, schema: `type Arguments = { ${argument}?: ${template.arguments} };\n` }),
  }
}
