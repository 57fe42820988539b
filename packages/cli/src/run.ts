/** From the words of a command line to an exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 unavailable. */
import { parseArgs } from 'node:util'
import { plainText } from '@credence/audit'
import { type CredenceError, toCredenceError } from '@credence/kit'
import { type Api, type ApiScope, operatorApi } from './api.ts'
import type { Command, Context, Flag, ParsedOptions } from './command.ts'
import { commands } from './commands/index.ts'
import { usage } from './errors.ts'
import { helpOf } from './help.ts'
import { loadSettings, settingFlags } from './settings.ts'

export interface Streams {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

export const EXIT = { done: 0, refused: 1, usage: 2, unavailable: 3 } as const

const COMMON: Readonly<Record<string, Flag>> = {
  json: { type: 'boolean', about: 'answer as JSON, one object on one line' },
  help: { type: 'boolean', about: 'this text' },
  'data-dir': { type: 'string', value: 'DIR', about: 'where the domain lives (default ~/.credence)' },
  config: { type: 'string', value: 'FILE', about: 'configuration (default credence.json in the data directory)' },
}

/** The longest command that the first words name. */
export const findCommand = (argv: readonly string[]): { command: Command; rest: readonly string[] } | undefined => {
  for (const words of [2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const command = commands.find((one) => one.name === name)
    if (command !== undefined) return { command, rest: argv.slice(words) }
  }
  return undefined
}

const optionsOf = (command: Command): ParsedOptions => {
  const flags = { ...COMMON, ...command.flags }
  const own = Object.entries(flags).map(([name, { type, multiple }]) => [name, { type, multiple: multiple ?? false }])
  const settings = command.host === true ? settingFlags.map((name) => [name, { type: 'string' }]) : []
  return Object.fromEntries([...settings, ...own]) as ParsedOptions
}

const parse = (command: Command, argv: readonly string[]) => {
  try {
    const parsed = parseArgs({ args: [...argv], options: optionsOf(command), allowPositionals: true, strict: true })
    const [least, most] = command.takes
    const { length } = parsed.positionals
    if (parsed.values.help !== true && (length < least || length > most)) {
      throw usage(`credence ${command.name} ${command.operands ?? 'takes no operands'}`)
    }
    return parsed
  } catch (error) {
    if (error instanceof TypeError) throw usage(error.message)
    throw error
  }
}

type Values = ReturnType<typeof parse>['values']

const contextOf = (command: Command, operands: readonly string[], values: Values, streams: Streams) => {
  const flags = Object.fromEntries(
    Object.entries(values).filter(
      ([name, value]) =>
        (name === 'data-dir' || (command.host === true && settingFlags.includes(name))) && typeof value === 'string',
    ),
  ) as Record<string, string>
  const file = typeof values.config === 'string' ? { file: values.config } : {}
  const config = loadSettings({ flags, env: process.env, ...file })
  const json = values.json === true
  const apis = new Map<ApiScope, Api>()
  const context: Context = {
    operands,
    values,
    text: (flag) => (typeof values[flag] === 'string' ? values[flag] : undefined),
    texts: (flag) => (Array.isArray(values[flag]) ? values[flag].map(String) : []),
    on: (flag) => values[flag] === true,
    json,
    config,
    settings: config.settings,
    api: (scope = 'admin') => {
      const api = apis.get(scope) ?? operatorApi(config.settings.dataDir, scope)
      apis.set(scope, api)
      return api
    },
    print: (value, forPeople) => streams.out(json ? JSON.stringify(value ?? {}) : forPeople()),
    tell: (line) => streams.err(line),
  }
  return { context, close: async () => Promise.all([...apis.values()].map((api) => api.close())) }
}

const runParsed = async (command: Command, argv: readonly string[], streams: Streams): Promise<void> => {
  const { positionals, values } = parse(command, argv)
  if (values.help === true) return streams.out(helpOf(command, COMMON))
  const { context, close } = contextOf(command, positionals, values, streams)
  try {
    await command.run(context)
  } finally {
    await close()
  }
}

const exitCode = ({ kind, code }: CredenceError): number => {
  if (code === 'usage' || code === 'config_invalid') return EXIT.usage
  return kind === 'unavailable' ? EXIT.unavailable : EXIT.refused
}

const report = (error: unknown, json: boolean, streams: Streams): number => {
  const known = toCredenceError(error)
  const { code, message, kind } = known
  if (json) streams.err(JSON.stringify({ error: { kind, code, message } }))
  else
    streams.err(
      message
        .split('\n')
        .map((line) => plainText(line, 2000))
        .join('\n'),
    )
  if (!json && code === 'usage') streams.err('credence help COMMAND says more.')
  if (kind === 'bug' && process.env.CREDENCE_LOG_LEVEL === 'debug') streams.err(String(known.detail))
  return exitCode(known)
}

export const run = async (argv: readonly string[], streams: Streams): Promise<number> => {
  try {
    const [first = 'help'] = argv
    if (first === '--help' || first === '-h') return await run(['help'], streams)
    if (first === '--version') return await run(['version'], streams)
    const found = findCommand(argv)
    if (found === undefined) throw unknownCommand(argv)
    await runParsed(found.command, found.rest, streams)
    return EXIT.done
  } catch (error) {
    return report(error, argv.includes('--json'), streams)
  }
}

const unknownCommand = (argv: readonly string[]): CredenceError => {
  const group = commands.filter(({ name }) => name.startsWith(`${argv[0]} `)).map(({ name }) => `credence ${name}`)
  return group.length > 0
    ? usage(`Which one? ${group.join(', ')}`)
    : usage(`"${argv[0]}" is not a command. credence help lists them.`)
}
