/** What changes from one set of policies to another, in words: who, what, on which, and under which conditions. */
import { canonicalize, type JsonValue } from '@credence/kit/json'
import { asObject, field, list } from '../compile/json.ts'
import { draftLinks } from '../links.ts'
import type { PolicySource } from '../source.ts'
import { tokenize } from '../text/lexer.ts'
import { splitStatements } from '../text/statements.ts'
import { uidText } from './explain/found.ts'
import { demandsOf, policiesAsJson } from './explain/prepare.ts'
import { policySpans, type Span, spanText } from './explain/spans.ts'

interface Condition {
  readonly clause: 'when' | 'unless'
  readonly text: string
}

interface Described {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly who: string
  readonly action: string
  readonly resource: string
  readonly conditions: readonly Condition[]
  readonly annotations: string
  /** What it demands beside its yes or no, each in words. */
  readonly demands: readonly string[]
}

/** `more`: it applies to more than before, for a permit more is allowed. */
export type Reach = 'more' | 'less' | 'other'

export interface Change {
  readonly kind: 'added' | 'removed' | 'changed'
  /** Id of the policy; of a link or the schema what it is. */
  readonly what: string
  readonly sentence: string
  /** Of what is allowed afterwards; `other` where that cannot be said from the text alone. */
  readonly allows: Reach
}

const uidWords = (value: unknown): string => {
  const inner = field(value, '__entity') ?? value
  return uidText({ type: String(field(inner, 'type')), id: String(field(inner, 'id')) })
}

const target = (constraint: unknown): string => {
  const slot = field(constraint, 'slot')
  return slot === undefined ? uidWords(field(constraint, 'entity')) : `whatever is linked as ${String(slot)}`
}

const entityWords = (constraint: unknown, everything: string): string => {
  const operator = field(constraint, 'op')
  if (operator === '==') return target(constraint)
  if (operator === 'in') return `${everything} in ${target(constraint)}`
  if (operator !== 'is') return everything
  const within = field(constraint, 'in')
  const type = `any ${String(field(constraint, 'entity_type'))}`
  return within === undefined ? type : `${type} in ${target(within)}`
}

const actionName = (value: unknown): string => String(field(field(value, '__entity') ?? value, 'id'))

const actionWords = (constraint: unknown): string => {
  const operator = field(constraint, 'op')
  if (operator === 'All') return 'to do everything'
  const single = field(constraint, 'entity')
  const names = (single === undefined ? list(field(constraint, 'entities')) : [single]).map(actionName)
  return operator === 'in' ? `to do what is in ${names.join(', ')}` : names.join(', ')
}

const normal = (span: Span): string => span.tokens.map(({ text }) => text).join(' ')

/** By what is compared; what is shown is the text as written. */
interface Written extends Condition {
  readonly key: string
}

const conditionsOf = (json: unknown, text: string): readonly Written[] => {
  const spans = policySpans(text)
  const demands = demandsOf(json, spans, spans.scope[0])
  if (demands === undefined) {
    const kinds = list(field(json, 'conditions')).map((one) => (field(one, 'kind') === 'when' ? 'when' : 'unless'))
    return spans.clauses.map((span, index) => {
      const clause = kinds[index] ?? 'when'
      return { clause, text: spanText(span, text), key: `${clause} ${normal(span)}` }
    })
  }
  return demands.map(({ clause, tree: { span } }) => ({
    clause,
    text: spanText(span, text),
    key: `${clause} ${normal(span)}`,
  }))
}

interface Known extends Described {
  readonly conditions: readonly Written[]
  readonly text: string
}

const demandsWords = (annotations: Readonly<Record<string, unknown>>): readonly string[] => [
  ...(Object.hasOwn(annotations, 'ask') ? ['asks a person first'] : []),
  ...(Object.hasOwn(annotations, 'obligation') ? [`demands \`${String(annotations.obligation)}\``] : []),
]

const knownOf = async (source: PolicySource | undefined): Promise<ReadonlyMap<string, Known>> => {
  const drafts = (source?.files ?? []).flatMap((file) =>
    splitStatements(file.text).map(({ text }, index) => ({ text, fallback: `${file.name}#${index + 1}` })),
  )
  const jsons = await policiesAsJson(drafts.map(({ text }) => text))
  return new Map(
    drafts.flatMap(({ text, fallback }, index): [string, Known][] => {
      const json = jsons[index]
      if (json === undefined) return []
      const annotations = asObject(field(json, 'annotations') ?? {})
      const id = Object.hasOwn(annotations, 'id') ? String(annotations.id) : fallback
      const known: Known = {
        id,
        effect: field(json, 'effect') === 'permit' ? 'permit' : 'forbid',
        who: entityWords(field(json, 'principal'), 'anybody'),
        action: actionWords(field(json, 'action')),
        resource: entityWords(field(json, 'resource'), 'anything'),
        conditions: conditionsOf(json, text),
        annotations: canonicalize(annotations as JsonValue),
        demands: demandsWords(annotations),
        text: normal({ tokens: tokenize(text) }),
      }
      return [[id, known]]
    }),
  )
}

const clauseWords = (conditions: readonly Condition[], clause: Condition['clause']): string => {
  const texts = conditions.filter((one) => one.clause === clause).map(({ text }) => `\`${text}\``)
  return texts.length === 0 ? '' : ` ${clause} ${texts.join(clause === 'when' ? ' and ' : ' or ')}`
}

const wholeWords = ({ who, action, resource, conditions, demands }: Described): string =>
  `${who} ${action} on ${resource}${clauseWords(conditions, 'when')}${clauseWords(conditions, 'unless')}${demands.map((words) => `, and ${words}`).join('')}`

const PAST = { permit: 'permitted', forbid: 'forbade' } as const
const allowsOf = (effect: Described['effect'], applies: Reach): Reach =>
  applies === 'other' ? 'other' : (applies === 'more') === (effect === 'permit') ? 'more' : 'less'

/** A permit that demands something can allow more, and make what others permit demand it too. */
const wholeReach = (policy: Known, applies: Reach): Reach =>
  policy.effect === 'permit' && policy.demands.length > 0 ? 'other' : allowsOf(policy.effect, applies)

const added = (policy: Known): Change => ({
  kind: 'added',
  what: policy.id,
  sentence: `Adds \`${policy.id}\`: it ${policy.effect}s ${wholeWords(policy)}.`,
  allows: wholeReach(policy, 'more'),
})

const removed = (policy: Known): Change => ({
  kind: 'removed',
  what: policy.id,
  sentence: `Removes \`${policy.id}\`: it ${PAST[policy.effect]} ${wholeWords(policy)}.`,
  allows: wholeReach(policy, 'less'),
})

const conditionWords = (before: Known, after: Known): { readonly words: string[]; readonly applies: Reach } => {
  const had = new Set(before.conditions.map(({ key }) => key))
  const has = new Set(after.conditions.map(({ key }) => key))
  const gone = before.conditions.filter(({ key }) => !has.has(key))
  const fresh = after.conditions.filter(({ key }) => !had.has(key))
  const words = [
    ...gone.map(({ clause, text }) =>
      clause === 'when' ? `no longer asks for \`${text}\`` : `no longer excepts \`${text}\``,
    ),
    ...fresh.map(({ clause, text }) => (clause === 'when' ? `now asks for \`${text}\`` : `now excepts \`${text}\``)),
  ]
  const applies = gone.length > 0 && fresh.length > 0 ? 'other' : gone.length > 0 ? 'more' : 'less'
  return { words, applies }
}

/** More demands of a permit allow less; those of a forbid change nothing that is allowed. */
const demandChange = (before: Known, after: Known): { readonly words: string[]; readonly allows: Reach } => {
  const gone = before.demands.filter((words) => !after.demands.includes(words))
  const fresh = after.demands.filter((words) => !before.demands.includes(words))
  return {
    words: [...gone.map((words) => `no longer ${words}`), ...fresh.map((words) => `now ${words}`)],
    allows:
      after.effect === 'forbid' || (gone.length > 0 && fresh.length > 0) ? 'other' : gone.length > 0 ? 'more' : 'less',
  }
}

const partWords = (before: Known, after: Known): string[] => [
  ...(before.effect === after.effect ? [] : [`${after.effect}s now, where it ${PAST[before.effect]} before`]),
  ...(before.who === after.who ? [] : [`is about ${after.who} now, not ${before.who}`]),
  ...(before.action === after.action ? [] : [`is about ${after.action} now, not ${before.action}`]),
  ...(before.resource === after.resource ? [] : [`is about ${after.resource} now, not ${before.resource}`]),
]

const REACH = { more: 'It applies to more than before.', less: 'It applies to less than before.', other: '' } as const

const changed = (before: Known, after: Known): Change => {
  const parts = partWords(before, after)
  const { words, applies } = conditionWords(before, after)
  const demanded = demandChange(before, after)
  const all = [...parts, ...words, ...demanded.words]
  const what = after.id
  if (all.length === 0) {
    const only = before.annotations === after.annotations ? 'is written otherwise' : 'is annotated otherwise'
    return { kind: 'changed', what, sentence: `\`${what}\` ${only} and means the same.`, allows: 'other' }
  }
  if (demanded.words.length === all.length)
    return { kind: 'changed', what, sentence: `\`${what}\` ${all.join('; ')}.`, allows: demanded.allows }
  const reach = parts.length > 0 || demanded.words.length > 0 ? 'other' : applies
  const sentence = `\`${what}\` ${all.join('; ')}. ${REACH[reach]}`.trim()
  return { kind: 'changed', what, sentence, allows: allowsOf(after.effect, reach) }
}

const linksOf = (source: PolicySource | undefined): ReadonlyMap<string, string> =>
  new Map(
    draftLinks(source?.links, []).map(({ id, template, slots }) => {
      const filled = Object.entries(slots).map(([slot, uid]) => `${slot} as ${uidText(uid)}`)
      return [id, `\`${template}\` with ${filled.join(' and ')}`]
    }),
  )

const linkChanges = (before: PolicySource | undefined, after: PolicySource): Change[] => {
  const [old, next] = [linksOf(before), linksOf(after)]
  const what = (id: string): string => `link ${id}`
  const fresh = [...next].filter(([id]) => !old.has(id))
  const gone = [...old].filter(([id]) => !next.has(id))
  const other = [...next].filter(([id, text]) => old.has(id) && old.get(id) !== text)
  return [
    ...fresh.map(
      ([id, text]): Change => ({
        kind: 'added',
        what: what(id),
        sentence: `Links \`${id}\`: ${text}.`,
        allows: 'other',
      }),
    ),
    ...gone.map(
      ([id, text]): Change => ({
        kind: 'removed',
        what: what(id),
        sentence: `Unlinks \`${id}\`: ${text}.`,
        allows: 'other',
      }),
    ),
    ...other.map(
      ([id, text]): Change => ({
        kind: 'changed',
        what: what(id),
        sentence: `Link \`${id}\` is ${text} now, not ${old.get(id) ?? ''}.`,
        allows: 'other',
      }),
    ),
  ]
}

const schemaText = (source: PolicySource | undefined): string =>
  normal({ tokens: tokenize(source?.schema?.text ?? '') })

/** Both sets have been checked. `before` undefined: there was nothing. */
export const differenceInWords = async (
  before: PolicySource | undefined,
  after: PolicySource,
): Promise<readonly Change[]> => {
  const old = await knownOf(before)
  const next = await knownOf(after)
  const schema: Change = { kind: 'changed', what: 'schema', sentence: 'The schema is another.', allows: 'other' }
  return [
    ...[...next.values()].filter(({ id }) => !old.has(id)).map(added),
    ...[...old.values()].filter(({ id }) => !next.has(id)).map(removed),
    ...[...next.values()].flatMap((policy) => {
      const was = old.get(policy.id)
      return was === undefined || was.text === policy.text ? [] : [changed(was, policy)]
    }),
    ...linkChanges(before, after),
    ...(schemaText(before) === schemaText(after) ? [] : [schema]),
  ]
}
