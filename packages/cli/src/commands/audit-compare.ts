/** Two copies of a ledger, offline: what an auditor does with the copy of somebody else. */
import { type Comparison, compareLedgers, plainText } from '@credence/audit'
import { refused } from '@credence/kit'
import type { Command } from '../command.ts'
import { verifierKey } from '../verifier-key.ts'

const ENTRY_CHARACTERS = 2_000

const soundness = ({ copies }: Comparison, operands: readonly string[]): readonly string[] =>
  copies.map(({ sound, size, firstBad }, at) => {
    const state = sound ? 'sound' : `NOT SOUND (${firstBad?.reason} in ${firstBad?.file})`
    return `${plainText(operands[at] ?? '')}: ${size} records, ${state}`
  })

const meaning = (comparison: Comparison): readonly string[] => {
  const { answer, difference, copies } = comparison
  if (answer === 'same') return ['They are the same.']
  if (answer === 'beginning' || difference === undefined) return ['The shorter one is how the longer one began.']
  const proven = copies.every(({ sound }) => sound)
  return [
    `They differ from record ${difference.index} on:`,
    ...difference.entries.map((entry) => `  ${plainText(entry, ENTRY_CHARACTERS)}`),
    ...(proven ? ['Both are signed with the same key: whoever holds it showed two histories. Keep both copies.'] : []),
  ]
}

export const auditCompare: Command = {
  name: 'audit compare',
  operands: 'LEDGER LEDGER',
  summary: 'Two copies of a ledger: the same, one the beginning of the other, or two histories? Offline',
  takes: [2, 2],
  flags: {
    key: {
      type: 'string',
      value: 'KEY|FILE',
      about: 'public key of the ledger (default: ledger.vkey in the data directory)',
    },
  },
  run: async (context) => {
    const [one = '', two = ''] = context.operands
    const comparison = await compareLedgers([one, two], verifierKey(context))
    context.print(comparison, () => [...soundness(comparison, context.operands), ...meaning(comparison)].join('\n'))
    if (comparison.answer === 'different')
      throw refused('ledgers_differ', `The copies differ from record ${comparison.difference?.index} on.`)
    if (comparison.copies.some(({ sound }) => !sound))
      throw refused('ledger_not_sound', 'At least one of the copies is not as it was written.')
  },
}
