/** Ready-made policies with gaps, each with the expectations that its author had. */
import { readdirSync, readFileSync } from 'node:fs'
import { refused } from '@credence/kit'
import { type JsonValue, parseStrict } from '@credence/kit/json'
import type { PolicySnapshot } from '../snapshot.ts'
import { type Parameter, requireOrder, type Value, valuesOf } from './template-values.ts'

export type { Parameter }

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
  requireOrder(template.parameters, values)
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
