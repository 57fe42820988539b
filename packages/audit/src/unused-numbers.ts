/**
 * Numbers of records that were refused while the ledger could not be written, and that no later record took. Said in an
 * alert of the emitter itself, so that a gap that nobody explains stays what it is: a loss.
 */
import type { LedgerRecord } from '@credence/model'
import type { NewAlert } from './ports.ts'

export const NUMBERS_UNUSED = 'numbers_unused'

/** What fits the text of one fact. */
const MOST_RANGES = 6
const RANGE = /^(\d{1,15})(?:-(\d{1,15}))?$/

const rangesOf = (numbers: readonly number[]): string[] => {
  const ranges: [number, number][] = []
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === number - 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
}

export const unusedAlerts = (numbers: readonly number[]): NewAlert[] => {
  const ranges = rangesOf(numbers)
  const alerts: NewAlert[] = []
  for (let at = 0; at < ranges.length; at += MOST_RANGES) {
    alerts.push({
      kind: 'alert',
      code: NUMBERS_UNUSED,
      reason: 'The ledger could not be written: what was to be recorded under these numbers was refused, and not done.',
      facts: { numbers: ranges.slice(at, at + MOST_RANGES).join(',') },
    })
  }
  return alerts
}

export type NumberRange = readonly [first: number, last: number]

/** The numbers that such an alert explains, of its own emitter; none for any other record. */
export const explainedBy = (record: LedgerRecord): NumberRange[] => {
  if (record.kind !== 'alert' || record.code !== NUMBERS_UNUSED) return []
  const found: NumberRange[] = []
  for (const text of String(record.facts?.numbers ?? '').split(',')) {
    const [, first, last = first] = RANGE.exec(text) ?? []
    if (first === undefined || Number(last) < Number(first)) return found
    found.push([Number(first), Number(last)])
  }
  return found
}
