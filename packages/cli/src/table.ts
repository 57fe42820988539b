/** Tables for people. INVARIANT: what strangers wrote cannot move the cursor or break out of its cell. */
import { plainText } from '@credence/audit'

export type Cell = string | number | boolean | null | undefined

const cell = (value: Cell): string => (value === undefined || value === null ? '-' : plainText(String(value), 200))

export const table = (headings: readonly string[], rows: readonly (readonly Cell[])[], none = 'None.'): string => {
  if (rows.length === 0) return none
  const texts = [headings.map((heading) => heading.toUpperCase()), ...rows.map((row) => row.map(cell))]
  const widths = headings.map((_, at) => Math.max(...texts.map((row) => row[at]?.length ?? 0)))
  return texts
    .map((row) =>
      row
        .map((text, at) => (at === row.length - 1 ? text : text.padEnd(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `name  value`, a line each. */
export const facts = (pairs: readonly (readonly [string, Cell])[]): string => {
  const width = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${cell(value)}`).join('\n')
}

export const when = (at: unknown): string =>
  typeof at === 'number' ? new Date(at).toISOString().replace(/\.\d+Z$/, 'Z') : '-'
