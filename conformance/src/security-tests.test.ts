/** docs/security-tests.md stays true: every file is there, and every title begins a text in it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/security-tests.md', ROOT), 'utf8')

interface Row {
  readonly line: string
  readonly cells: readonly string[]
}

const rows: readonly Row[] = page
  .split('\n')
  .filter((line) => /^\| (?:O-)?\d+ \|/.test(line))
  .map((line) => {
    const [, id = '', , tests = ''] = line.split(/(?<!\\)\|/)
    return { line: id.trim(), cells: tests.trim().split('<br>') }
  })

const NAMED = /^`([^`]+)`: (.+)$/s

/** `it's` may stand in the source as it is or escaped. */
const standsIn = (source: string, title: string): boolean => {
  const start = title.replace(/…$/, '')
  const texts = [start, start.replaceAll("'", "\\'"), start.replaceAll('`', '\\`')]
  const ends = start === title
  return texts.some((text) => ["'", '"', '`'].some((quote) => source.includes(`${quote}${text}${ends ? quote : ''}`)))
}

const range = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i))

test('every line of the list is there once', () => {
  const lines = rows.map(({ line }) => line)
  assert.deepEqual(
    lines.filter((line) => /^\d/.test(line)),
    [...range(1, 53), ...range(81, 106)],
  )
  assert.equal(new Set(lines).size, lines.length)
})

test('every named test exists, and what is not tried says why', () => {
  const wrong: string[] = []
  for (const { line, cells } of rows) {
    for (const cell of cells) {
      if (/^\*not yet\*: .{20,}$/.test(cell)) continue
      const [, path = '', title = ''] = NAMED.exec(cell) ?? []
      const file = fileURLToPath(new URL(path, ROOT))
      if (path === '' || !existsSync(file)) wrong.push(`${line}: no file ${cell}`)
      else if (!standsIn(readFileSync(file, 'utf8'), title.replaceAll('\\|', '|')))
        wrong.push(`${line}: ${path} has no "${title}"`)
    }
  }
  assert.deepEqual(wrong, [])
})
