/** The texts of `credence help`. */
import type { Command, Flag } from './command.ts'
import { settingFlags } from './settings.ts'

const flagLine = ([name, { value, about }]: readonly [string, Flag]): readonly [string, string] => [
  `--${name}${value === undefined ? '' : ` ${value}`}`,
  about,
]

const lines = (pairs: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...pairs.map(([left]) => left.length))
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

export const overview = (commands: readonly Command[]): string =>
  [
    'credence: who an agent is, what it may do, and what it did',
    '',
    lines(commands.map((command) => [[command.name, command.operands].filter(Boolean).join(' '), command.summary])),
    '',
    'Every command takes --json, --help, --data-dir DIR and --config FILE.',
    'Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 something does not answer.',
  ].join('\n')

export const helpOf = (command: Command, common: Readonly<Record<string, Flag>>): string =>
  [
    `credence ${[command.name, command.operands].filter(Boolean).join(' ')}`,
    '',
    command.summary,
    ...(command.help === undefined ? [] : ['', command.help]),
    '',
    lines(Object.entries({ ...command.flags, ...common }).map(flagLine)),
    ...(command.host === true
      ? [
          '',
          'Settings, also as members of credence.json or CREDENCE_... in the environment:',
          `  ${settingFlags.map((name) => `--${name}`).join(' ')}`,
        ]
      : []),
  ].join('\n')
