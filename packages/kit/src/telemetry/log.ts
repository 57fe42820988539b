/** Structured log: one JSON object per line, without secrets. Never throws; a value cannot break out of its line. */
import { redact, redactText } from './redact.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'
export type Fields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
  /** The same logger with fields on every line. */
  with(fields: Fields): Logger
}

export interface LoggerOptions {
  readonly clock: { now(): number }
  readonly level?: Level
  /** Gets whole lines; default standard error. */
  readonly write?: (line: string) => void
  readonly fields?: Fields
}

const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Control characters, bidirectional overrides and line separators, as JSON escapes: a terminal shows what is there. */
const escapeUnseen = (json: string): string =>
  json.replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const lineOf = (time: number, level: Level, event: string, always: Fields, fields: Fields): string => {
  try {
    // The last two win over fields of the same name: a caller cannot forge them.
    const safe = redact({ ...always, ...fields }) as object
    const head = { time: new Date(time).toISOString(), level, event: redactText(event) }
    return escapeUnseen(JSON.stringify({ ...head, ...safe, ...head }))
  } catch (error) {
    return JSON.stringify({ level: 'error', event: 'log_failed', detail: redactText(String(error)) })
  }
}

const toStandardError = (line: string): void => {
  process.stderr.write(line)
}

export const createLogger = (options: LoggerOptions): Logger => {
  const { clock, level: least = 'info', write = toStandardError, fields: always = {} } = options
  const at =
    (level: Level) =>
    (event: string, fields: Fields = {}): void => {
      if (RANK[level] < RANK[least]) return
      try {
        write(`${lineOf(clock.now(), level, event, always, fields)}\n`)
      } catch {
        // A log that cannot be written must not stop what is being logged.
      }
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => createLogger({ ...options, fields: { ...always, ...fields } }),
  }
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLogger,
}
