/** Settings from flags, environment and file, each known by name; unknown ones are refused, unsafe ones explained. */
import { z } from 'zod'
import { refused } from './errors.ts'
import { parseStrict } from './json/strict.ts'

export interface ConfigSources {
  /** The text of the configuration file, if there is one. */
  readonly file?: { readonly path: string; readonly text: string }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Without the program's name. `--listen-port 1`, `--listen-port=1`, `--json`, `--no-json`; `--` ends the flags. */
  readonly argv: readonly string[]
}

export interface Unsafe {
  readonly setting: string
  readonly why: string
}

export interface ConfigDefinition<Shape extends z.ZodRawShape> {
  /** Camel-case names. Flags and environment give texts, which are read as the setting's type; objects only in the file or as JSON. */
  readonly shape: Shape
  /** `CREDENCE_` makes `listenPort` readable from `CREDENCE_LISTEN_PORT`. */
  readonly envPrefix: string
  /** Settings whose value is never printed. */
  readonly secret?: readonly (keyof Shape & string)[]
  /** Explains what weakens the product. */
  readonly unsafe?: (settings: z.infer<z.ZodObject<Shape>>) => readonly Unsafe[]
  /** Environment names under the prefix that others read. */
  readonly ignoreEnv?: readonly string[]
}

export type Origin = 'flag' | 'env' | 'file' | 'default'

export interface Config<Settings> {
  readonly settings: Settings
  readonly unsafe: readonly Unsafe[]
  /** Where each value came from. */
  readonly origin: Readonly<Record<string, Origin>>
  /** What is not a flag: commands and their operands. */
  readonly rest: readonly string[]
  /** For people: secrets replaced. */
  printable(): Record<string, unknown>
}

interface Found {
  readonly name: string
  readonly value: unknown
  /** As the person wrote it: `--listen-port`, `CREDENCE_LISTEN_PORT`. */
  readonly written: string
  readonly origin: Origin
}

const words = (name: string, joint: string): string =>
  name.replace(/[A-Z]/g, (letter) => `${joint}${letter.toLowerCase()}`)
const camel = (text: string): string =>
  text.toLowerCase().replace(/[-_]+([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())

/** Edits between two words, for "did you mean". */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

const meant = (name: string, known: readonly string[], write: (name: string) => string): string => {
  const [best] = known
    .map((one) => ({ one, edits: distance(name.toLowerCase(), one.toLowerCase()) }))
    .filter(({ one, edits }) => edits <= Math.max(2, one.length / 3))
    .sort((a, b) => a.edits - b.edits)
  return best === undefined ? '' : ` Did you mean ${write(best.one)}?`
}

const invalid = (problems: readonly string[]) =>
  refused(
    'config_invalid',
    `The configuration is not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    {
      status: 400,
    },
  )

const coreOf = (schema: z.core.$ZodType): z.core.$ZodType => {
  const definition = schema._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType }
  if (definition.innerType !== undefined) return coreOf(definition.innerType)
  return definition.in === undefined ? schema : coreOf(definition.in)
}

const typeOf = (schema: z.core.$ZodType | undefined): string =>
  schema === undefined ? 'string' : coreOf(schema)._zod.def.type

/** A text of a flag or of the environment, read as its setting's type; zod judges the result. */
const readText = (text: string, type: string): unknown => {
  if (type === 'boolean')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text
  if (type === 'number' || type === 'int') return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
  if (type === 'array' && !text.startsWith('[')) return text === '' ? [] : text.split(',').map((one) => one.trim())
  if (type === 'array' || type === 'object' || type === 'record') return parseStrict(text)
  return text
}

type Shape = z.ZodRawShape

const ownSchema = (shape: Shape, name: string): z.core.$ZodType | undefined =>
  Object.hasOwn(shape, name) ? shape[name] : undefined

const fromFile = (sources: ConfigSources, problems: string[]): Found[] => {
  if (sources.file === undefined) return []
  const { path, text } = sources.file
  try {
    const value = parseStrict(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new TypeError('It must be one object.')
    return Object.entries(value)
      .filter(([name]) => name !== '$schema')
      .map(([name, one]) => ({ name, value: one, written: `"${name}" in ${path}`, origin: 'file' as const }))
  } catch (error) {
    problems.push(`${path} cannot be read: ${(error as Error).message}`)
    return []
  }
}

const tryText = (
  name: string,
  text: string,
  shape: Shape,
  written: string,
  origin: Origin,
  problems: string[],
): Found[] => {
  try {
    return [
      {
        name,
        value: Object.hasOwn(shape, name) ? readText(text, typeOf(ownSchema(shape, name))) : text,
        written,
        origin,
      },
    ]
  } catch {
    problems.push(`${written} must be JSON here.`)
    return []
  }
}

const fromEnv = (definition: ConfigDefinition<Shape>, sources: ConfigSources, problems: string[]): Found[] =>
  Object.entries(sources.env).flatMap(([key, text]) => {
    if (text === undefined || !key.startsWith(definition.envPrefix) || definition.ignoreEnv?.includes(key)) return []
    return tryText(camel(key.slice(definition.envPrefix.length)), text, definition.shape, key, 'env', problems)
  })

const fromFlags = (shape: Shape, argv: readonly string[], problems: string[]): { found: Found[]; rest: string[] } => {
  const found: Found[] = []
  const rest: string[] = []
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] as string
    if (word === '--') return { found, rest: [...rest, ...argv.slice(at + 1)] }
    const parts = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(word)
    if (parts === null) {
      if (word.startsWith('-') && word !== '-') problems.push(`${word.split('=')[0]} is not a flag.`)
      else rest.push(word)
      continue
    }
    const name = camel(parts[1] as string)
    const negated = camel((parts[1] as string).replace(/^no-/, ''))
    const isNegation =
      name !== negated && !Object.hasOwn(shape, name) && typeOf(ownSchema(shape, negated)) === 'boolean'
    const boolean = isNegation || typeOf(ownSchema(shape, name)) === 'boolean' || !Object.hasOwn(shape, name)
    const written = `--${parts[1]}`
    let text = parts[2]
    if (text === undefined && boolean) text = isNegation ? 'false' : 'true'
    else if (text === undefined) text = argv[++at]
    if (text === undefined) problems.push(`${written} needs a value.`)
    else found.push(...tryText(isNegation ? negated : name, text, shape, written, 'flag', problems))
  }
  return { found, rest }
}

const explain = (issue: z.core.$ZodIssue, written: ReadonlyMap<string, string>): string => {
  const [name, ...inside] = issue.path.map(String)
  const where = written.get(name ?? '') ?? name ?? 'settings'
  return `${[where, ...inside].join('.')}: ${issue.message}`
}

/**
 * Flags > environment > file > defaults. Throws `refused` with code `config_invalid` and every problem in the message.
 * INVARIANT: no message and no `printable()` holds the value of a setting that is named in `secret`.
 */
export const loadConfig = <S extends z.ZodRawShape>(
  definition: ConfigDefinition<S>,
  sources: ConfigSources,
): Config<z.infer<z.ZodObject<S>>> => {
  const problems: string[] = []
  const general = definition as unknown as ConfigDefinition<Shape>
  const known = Object.keys(definition.shape)
  const flags = fromFlags(definition.shape, sources.argv, problems)
  const values: Record<string, unknown> = {}
  const origin: Record<string, Origin> = Object.fromEntries(known.map((name) => [name, 'default']))
  const written = new Map<string, string>()
  for (const found of [...fromFile(sources, problems), ...fromEnv(general, sources, problems), ...flags.found]) {
    if (!known.includes(found.name)) {
      const write = (name: string): string => {
        if (found.origin === 'flag') return `--${words(name, '-')}`
        return found.origin === 'env' ? `${definition.envPrefix}${words(name, '_').toUpperCase()}` : `"${name}"`
      }
      problems.push(`${found.written} is not a setting.${meant(found.name, known, write)}`)
      continue
    }
    values[found.name] = found.value
    origin[found.name] = found.origin
    written.set(found.name, found.written)
  }
  const parsed = z.strictObject(definition.shape).safeParse(values)
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => explain(issue, written)))
  if (problems.length > 0 || !parsed.success) throw invalid(problems)
  const settings = parsed.data as z.infer<z.ZodObject<S>>
  const secrets = new Set<string>(definition.secret)
  return {
    settings,
    unsafe: definition.unsafe?.(settings) ?? [],
    origin,
    rest: flags.rest,
    printable: () =>
      Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [name, secrets.has(name) ? '[secret]' : value]),
      ),
  }
}
