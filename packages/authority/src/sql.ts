/** Small words for statements, so that a batch reads like the rule it keeps. */
import type { Statement, Value } from '@credence/db'

export const sql = (text: string, ...parameters: readonly Value[]): Statement => ({ sql: text, parameters })

/** INVARIANT: the batch commits only if exactly one row was returned or changed; otherwise it is the named conflict. */
export const mustBeOne = (conflict: string, text: string, ...parameters: readonly Value[]): Statement => ({
  sql: text,
  parameters,
  expect: { rows: 1, conflict },
})

export const mustBeSome = (conflict: string, text: string, ...parameters: readonly Value[]): Statement => ({
  sql: text,
  parameters,
  expect: { rows: 'some', conflict },
})
