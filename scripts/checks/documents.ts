/** Documents are kept true: code that they show is the code that runs, and what they link to exists. */
import type { Finding, Source } from './source.ts'

const INCLUDE = /<!-- include: (\S+) (\w+) -->\n```ts\n([\s\S]*?)```\n<!-- \/include -->/g
const LINK = /\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g

/** The exported declaration of that name, to its end at the beginning of a line. */
export const declarationOf = (text: string, name: string): string | undefined => {
  const start = text.search(new RegExp(`^export (?:const|function|async function) ${name}\\b`, 'm'))
  if (start < 0) return undefined
  const end = /^\}.*$/m.exec(text.slice(start))
  return end === null ? undefined : `${text.slice(start, start + end.index + end[0].length)}\n`
}

export const checkIncludes = (documents: readonly Source[], read: (path: string) => string | undefined): Finding[] =>
  documents.flatMap(({ path, text }) =>
    [...text.matchAll(INCLUDE)].flatMap(([, file = '', name = '', shown = '']) => {
      const declaration = declarationOf(read(file) ?? '', name)
      if (declaration === undefined) return [{ where: path, what: `includes ${name} of ${file}, which is not there` }]
      return declaration === shown
        ? []
        : [{ where: path, what: `shows an old ${name}; run: node scripts/check.ts --write-documents` }]
    }),
  )

/** The text with every include filled with what is there now. */
export const fillIncludes = (text: string, read: (path: string) => string | undefined): string =>
  text.replace(INCLUDE, (whole, file: string, name: string, shown: string) => {
    const declaration = declarationOf(read(file) ?? '', name)
    return declaration === undefined ? whole : whole.replace(`\`\`\`ts\n${shown}`, () => `\`\`\`ts\n${declaration}`)
  })

const resolve = (from: string, link: string): string => {
  const parts = link.startsWith('/') ? [] : from.split('/').slice(0, -1)
  for (const part of link.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return parts.join('/')
}

/** `exists` is asked with a path from the root of the repository; a folder counts. */
export const checkLinks = (documents: readonly Source[], exists: (path: string) => boolean): Finding[] =>
  documents.flatMap(({ path, text }) =>
    [...text.matchAll(LINK)].flatMap(([, link = '']) =>
      exists(resolve(path, link)) ? [] : [{ where: path, what: `links to ${link}, which is not there` }],
    ),
  )
