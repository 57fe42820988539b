/** One set of policies with the questions that are asked of it. */
import type { CedarQuestion, EntityFacts } from '../../compile/entities.ts'
import type { Slots } from '../../compile/scope.ts'
import { type CedarRecord, NO_FIELDS, Uid } from '../../compile/values.ts'
import type { Choice } from './choice.ts'
import { condition, type Writing } from './expressions.ts'
import { ENTITY_TYPES, someType, someUniverse, type Universe } from './universe.ts'
import { IDS, KNOWN_IDS, quoted, someRecord, uid, uidText } from './values.ts'

export interface PolicyCase {
  readonly id: string
  readonly text: string
  /** Of a link: what fills the slots of the template that `text` is. */
  readonly slots: Slots | undefined
}

export interface FuzzCase {
  readonly universe: Universe
  /** Typed by the schema; otherwise nothing respects it. */
  readonly strict: boolean
  readonly policies: readonly PolicyCase[]
  readonly entities: readonly EntityFacts[]
  readonly questions: readonly Pick<CedarQuestion, 'principal' | 'action' | 'resource' | 'context'>[]
}

const action = (name: string): Uid => new Uid('Action', name)

interface Scope {
  readonly text: string
  readonly type: string | undefined
  readonly slot: boolean
}

const entityScope = (choice: Choice, variable: 'principal' | 'resource'): Scope => {
  const type = choice.pick(ENTITY_TYPES)
  const slot = choice.chance(25)
  const target = slot ? `?${variable}` : uidText(uid(choice, type))
  switch (choice.number(6)) {
    case 0:
      return { text: `${variable} == ${target}`, type: slot ? undefined : type, slot }
    case 1:
      return { text: `${variable} in ${target}`, type: undefined, slot }
    case 2:
      return {
        text: `${variable} is ${type} in ${slot ? target : uidText(uid(choice, choice.pick(ENTITY_TYPES)))}`,
        type,
        slot,
      }
    case 3:
      return { text: `${variable} is ${type}`, type, slot: false }
    default:
      return { text: variable, type: undefined, slot: false }
  }
}

const ACTIONS = ['read', 'write', 'all', 'some'] as const

const actionScope = (choice: Choice): string => {
  switch (choice.number(6)) {
    case 0:
      return `action == Action::"${choice.pick(ACTIONS)}"`
    case 1:
      return `action in Action::"${choice.pick(ACTIONS)}"`
    case 2:
      return `action in [${choice.times(0, 3, () => `Action::"${choice.pick(ACTIONS)}"`).join(', ')}]`
    default:
      return 'action'
  }
}

/** What the compiler leaves to cedar-wasm: decided without it, left over by it, and failing before it. */
const UNKNOWN = [
  'true || unknown("a")',
  'unknown("a")',
  'unknown("a") == 1 && 1 == 1',
  'context.none && unknown("a")',
] as const

const policyCase = (choice: Choice, universe: Universe, strict: boolean, id: string): PolicyCase => {
  const principal = entityScope(choice, 'principal')
  const resource = entityScope(choice, 'resource')
  const writing: Writing = { choice, universe, strict, principal: principal.type, resource: resource.type }
  const clauses = choice.times(0, 2, () => `${choice.pick(['when', 'when', 'unless'])} { ${condition(writing)} }`)
  if (!strict && choice.chance(3)) clauses.push(`when { ${choice.pick(UNKNOWN)} }`)
  const annotation = choice.chance(10) ? `@note(${quoted(choice.pick(IDS))}) ` : ''
  const head = `${choice.pick(['permit', 'permit', 'forbid'])} (${principal.text}, ${actionScope(choice)}, ${resource.text})`
  const text = `${annotation}${head} ${clauses.join(' ')};`
  if (!principal.slot && !resource.slot) return { id, text, slots: undefined }
  const slots: Slots = {
    ...(principal.slot ? { '?principal': uid(choice, choice.pick(ENTITY_TYPES)) } : {}),
    ...(resource.slot ? { '?resource': uid(choice, choice.pick(ENTITY_TYPES)) } : {}),
  }
  return { id, text, slots }
}

/** Parents come from later in the list, so there is no cycle. */
const someEntities = (choice: Choice, universe: Universe, strict: boolean): EntityFacts[] => {
  const all = [...universe.entities.keys()].flatMap((type) => IDS.slice(0, KNOWN_IDS).map((id) => new Uid(type, id)))
  const order = choice.chance(50) ? all : [...all].reverse()
  const noise = strict ? 0 : 6
  return order.flatMap((own, index) => {
    const declaration = universe.entities.get(own.type)
    if (declaration === undefined || choice.chance(25)) return []
    const above = order
      .slice(index + 1)
      .filter(({ type }) => (!strict || declaration.parents.includes(type)) && choice.chance(25))
    const tagType = declaration.tags ?? (strict ? undefined : someType(choice, 1))
    const tags = new Map(choice.times(0, 2, () => [choice.pick(['a', 'b', '', '__proto__']), tagType] as const))
    return [
      {
        uid: own,
        attrs: someRecord(choice, declaration.attributes, noise),
        parents: above,
        tags: tagType === undefined ? NO_FIELDS : tagRecord(choice, tags, noise),
      },
    ]
  })
}

const tagRecord = (
  choice: Choice,
  tags: ReadonlyMap<string, ReturnType<typeof someType> | undefined>,
  noise: number,
): CedarRecord =>
  someRecord(
    choice,
    new Map(
      [...tags].flatMap(([name, type]) => (type === undefined ? [] : [[name, { type, required: true }] as const])),
    ),
    noise,
  )

/** What the schema says of actions, for a case without a schema. */
export const actionEntities = ({ actions }: Universe): EntityFacts[] => [
  ...[...actions].map(([name, groups]) => ({ uid: action(name), attrs: NO_FIELDS, parents: groups.map(action) })),
  { uid: action('some'), attrs: NO_FIELDS, parents: [action('all')] },
  { uid: action('all'), attrs: NO_FIELDS, parents: [] },
]

export const QUESTIONS = 20

export const someCase = (choice: Choice): FuzzCase => {
  const universe = someUniverse(choice)
  const strict = choice.chance(30)
  const policies = choice.times(1, 8, (index) => policyCase(choice, universe, strict, `p${index}`))
  const entities = someEntities(choice, universe, strict)
  const questions = Array.from({ length: QUESTIONS }, () => ({
    principal: uid(choice, choice.pick(ENTITY_TYPES)),
    // The schema says of which actions somebody may ask.
    action: action(choice.pick(strict ? ACTIONS.slice(0, 2) : ACTIONS)),
    resource: uid(choice, choice.pick(ENTITY_TYPES)),
    context: someRecord(choice, universe.context, strict ? 0 : 6),
  }))
  return { universe, strict, policies, entities, questions }
}
