/** The tables in docs/performance.md and docs/policy-performance.md, between their markers. */
import { readFileSync, writeFileSync } from 'node:fs'
import { arch, cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Figure } from './figure.ts'

const pageOf = (figures: readonly Figure[]): string => {
  const name = figures.every(({ bench }) => bench === 'policy') ? 'policy-performance.md' : 'performance.md'
  return fileURLToPath(new URL(`../../docs/${name}`, import.meta.url))
}
const BEGIN = '<!-- bench:begin -->'
const END = '<!-- bench:end -->'

export const rows = (figures: readonly Figure[]): string[] => {
  const cells = figures.map(({ figure, value, unit, target, ok }) => [
    figure,
    `${value} ${unit}`,
    target,
    ok ? 'yes' : 'NO',
  ])
  const table = [['figure', 'value', 'target', 'met'], ...cells]
  const width = (column: number): number => Math.max(...table.map((row) => (row[column] ?? '').length))
  const line = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(width(at))).join(' | ')} |`
  const rule = `| ${[0, 1, 2, 3].map((at) => '-'.repeat(width(at))).join(' | ')} |`
  return [line(table[0] ?? []), rule, ...cells.map(line)]
}

export const machine = (): string => {
  const [cpu] = cpus()
  return `Node ${process.versions.node}, ${process.platform} ${release()} ${arch()}, ${cpus().length} cores of ${cpu?.model.trim() ?? 'an unknown model'}`
}

export const writePage = (figures: readonly Figure[], notes: readonly string[]): void => {
  const page = pageOf(figures)
  const text = readFileSync(page, 'utf8')
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`${page} has lost its markers`)
  const body = [`Measured on ${machine()}.`, '', ...rows(figures), '', ...notes.map((note) => `- ${note}`)]
  writeFileSync(page, `${text.slice(0, from + BEGIN.length)}\n${body.join('\n')}\n${text.slice(to)}`)
}
