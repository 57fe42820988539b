/** What does not belong in a public project: paths and words of the place where it was written, download hosts. */
import type { Finding, Source } from './source.ts'

/** NOTE: written with brackets so that this file does not find itself. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\/wor[k]\/(?:main|shared|\.)/, 'a path of the place where this was written'],
  [/\/(?:root|hom[e]\/[a-z]+)\/(?!\.credence)[a-z.]/, 'a path of somebody’s home'],
  [/\b(?:clau[d]e|anthr[o]pic|chat[g]pt)\b/i, 'the name of a writing tool'],
  [/\bsub-?a[g]ent of the session\b|\bthe (?:brie[f]|orchestra[t]or)\b/i, 'a word of the place where this was written'],
  [/\bissues?\s+#?[2-9]\b(?!\d)/i, 'a ticket number'],
  [/\b(?:TO[D]O|FIX[M]E|XX[X])\b/, 'unfinished business'],
]

export const checkLeaks = (sources: readonly Source[]): Finding[] =>
  sources.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, at) =>
        PATTERNS.filter(([pattern]) => pattern.test(line)).map(([, what]) => ({ where: `${path}:${at + 1}`, what })),
      ),
  )

interface Lock {
  readonly packages?: Readonly<
    Record<string, { readonly resolved?: string; readonly link?: boolean; readonly integrity?: string }>
  >
}

/** The lock file pins by integrity; where a package is downloaded from is everybody's own setting. */
export const checkLock = (text: string): Finding[] =>
  Object.entries((JSON.parse(text) as Lock).packages ?? {}).flatMap(([name, entry]) => {
    const where = `package-lock.json: ${name}`
    if (entry.resolved !== undefined && /^[a-z+]+:/i.test(entry.resolved))
      return [{ where, what: 'has a download host' }]
    const outside = name.includes('node_modules/') && entry.link !== true
    return outside && entry.integrity === undefined ? [{ where, what: 'has no integrity' }] : []
  })
