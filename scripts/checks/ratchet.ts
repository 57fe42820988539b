/** Lists of known exceptions that may only shrink. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from './source.ts'

export interface Ratchet {
  /** `ratchets/<name>.json` */
  readonly name: string
  /** How one entry leaves the list. */
  readonly shrink: string
  /** What is there now. */
  readonly present: readonly string[]
  /** What the list says. */
  readonly listed: readonly string[]
  /** What the list said in earlier commits; absent where there was none. */
  readonly earlier: readonly (readonly string[])[]
}

export const judgeRatchet = ({ name, shrink, present, listed, earlier }: Ratchet): Finding[] => {
  const where = `ratchets/${name}.json`
  const fresh = [...new Set(present)].filter((entry) => !listed.includes(entry))
  const stale = listed.filter((entry) => !present.includes(entry))
  const grown = listed.filter((entry) => earlier.some((list) => !list.includes(entry)))
  return [
    ...fresh.map((entry) => ({ where, what: `new: ${entry}. ${shrink}` })),
    ...stale.map((entry) => ({ where, what: `stale: ${entry}. It is gone; take it off the list.` })),
    ...grown.map((entry) => ({ where, what: `added: ${entry}. The list may only shrink. ${shrink}` })),
  ]
}

const parseList = (text: string): string[] => {
  const list: unknown = JSON.parse(text)
  if (!Array.isArray(list) || list.some((entry) => typeof entry !== 'string'))
    throw new TypeError('a ratchet is a list of strings')
  return list as string[]
}

export const readList = (root: string, name: string): string[] => {
  const file = join(root, 'ratchets', `${name}.json`)
  return existsSync(file) ? parseList(readFileSync(file, 'utf8')) : []
}

/** The list in the last commit and in the one before it: an entry cannot be slipped in by committing it. */
export const readEarlier = (root: string, name: string): string[][] =>
  ['HEAD', 'HEAD^'].flatMap((commit) => {
    try {
      const text = execFileSync('git', ['show', `${commit}:ratchets/${name}.json`], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      return [parseList(text)]
    } catch {
      return []
    }
  })
