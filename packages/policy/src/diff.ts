import { draftLinks } from './links.ts'
import { type PolicyFile, type PolicySource, sortedFiles } from './source.ts'
import { type Token, tokenize } from './text/lexer.ts'
import { splitStatements } from './text/statements.ts'

export interface PolicyDiff {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
  readonly schemaChanged: boolean
  /** For people and for the record of `policy.apply`: one sentence each. */
  readonly sentences: readonly string[]
}

interface Meaning {
  readonly effect: string
  /** Tokens without white space and comments: layout is not a change. */
  readonly text: string
}

const annotation = (tokens: readonly Token[], name: string): string | undefined => {
  const at = tokens.findIndex(({ text }, index) => text === '@' && tokens[index + 1]?.text === name)
  const value = at >= 0 && tokens[at + 2]?.text === '(' ? tokens[at + 3] : undefined
  return value?.kind === 'string' ? value.text.slice(1, -1) : undefined
}

const effectOf = (tokens: readonly Token[]): string =>
  tokens.find(({ kind, text }) => kind === 'word' && (text === 'permit' || text === 'forbid'))?.text ?? 'policy'

/** Links stand beside policies; a file that does not read has been reported by the check. */
const linksOf = (source: PolicySource | undefined): [string, Meaning][] =>
  draftLinks(source?.links, []).map(({ id, template, slots }) => [
    id,
    { effect: 'link', text: JSON.stringify([template, slots]) },
  ])

const policiesOf = (source: PolicySource | undefined): ReadonlyMap<string, Meaning> => {
  const found = new Map<string, Meaning>(linksOf(source))
  for (const file of source === undefined ? [] : sortedFiles(source)) {
    for (const [index, { text }] of splitStatements(file.text).entries()) {
      const tokens = tokenize(text)
      const id = annotation(tokens, 'id') ?? `${file.name}#${index + 1}`
      found.set(id, { effect: effectOf(tokens), text: tokens.map((token) => token.text).join(' ') })
    }
  }
  return found
}

const tokensOf = (file: PolicyFile | undefined): string =>
  tokenize(file?.text ?? '')
    .map(({ text }) => text)
    .join(' ')

const now = (effect: string | undefined): string => (effect === 'forbid' ? 'forbids' : 'permits')
const then = (effect: string | undefined): string => (effect === 'forbid' ? 'forbade' : 'permitted')

const changedSentence = (id: string, before: Meaning | undefined, after: Meaning | undefined): string =>
  before?.effect === after?.effect
    ? `Changes ${after?.effect ?? 'policy'} \`${id}\`.`
    : `Changes \`${id}\`: it ${now(after?.effect)} now, where it ${then(before?.effect)} before.`

/** What changes from `before` (undefined: nothing yet) to `after`, by policy id. Both have been checked. */
export const diffPolicySets = (before: PolicySource | undefined, after: PolicySource): PolicyDiff => {
  const old = policiesOf(before)
  const next = policiesOf(after)
  const added = [...next.keys()].filter((id) => !old.has(id))
  const removed = [...old.keys()].filter((id) => !next.has(id))
  const changed = [...next.keys()].filter((id) => old.has(id) && old.get(id)?.text !== next.get(id)?.text)
  const schemaChanged = tokensOf(before?.schema) !== tokensOf(after.schema)
  const sentences = [
    ...added.map((id) => `Adds ${next.get(id)?.effect ?? 'policy'} \`${id}\`.`),
    ...removed.map((id) => `Removes ${old.get(id)?.effect ?? 'policy'} \`${id}\`.`),
    ...changed.map((id) => changedSentence(id, old.get(id), next.get(id))),
    ...(schemaChanged ? ['Changes the schema.'] : []),
  ]
  return {
    added,
    removed,
    changed,
    schemaChanged,
    sentences: sentences.length === 0 ? ['Changes nothing.'] : sentences,
  }
}
