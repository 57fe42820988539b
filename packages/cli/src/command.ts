/** One command as plain data. A file each in `commands/`, one line in the list there. */
import type { ParseArgsConfig } from 'node:util'
import type { Config } from '@credence/kit/config'
import type { Api, ApiScope } from './api.ts'
import type { Settings } from './settings.ts'

export interface Flag {
  readonly type: 'string' | 'boolean'
  readonly multiple?: boolean
  /** What stands for the value in the help: `NAME`. */
  readonly value?: string
  readonly about: string
}

export interface Command {
  /** `agent add`. */
  readonly name: string
  readonly operands?: string
  readonly summary: string
  /** More than one line of help. */
  readonly help?: string
  readonly flags?: Readonly<Record<string, Flag>>
  /** Fewest and most operands. */
  readonly takes: readonly [number, number]
  /** It starts something on this host: every setting can be given as a flag. */
  readonly host?: boolean
  readonly run: (context: Context) => Promise<void>
}

export interface Context {
  readonly operands: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>
  /** The text of a flag, if it was given. */
  text(flag: string): string | undefined
  /** All texts of a flag that may be repeated. */
  texts(flag: string): readonly string[]
  on(flag: string): boolean
  readonly json: boolean
  readonly config: Config<Settings>
  readonly settings: Settings
  /** The operator's interface of the running authority; default scope `admin`. */
  api(scope?: ApiScope): Api
  /** The result: as JSON on one line, or for people. */
  print(value: unknown, forPeople: () => string): void
  /** For people only, on standard error. */
  tell(line: string): void
}

export type ParsedOptions = NonNullable<ParseArgsConfig['options']>
