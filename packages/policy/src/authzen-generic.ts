/** AuthZEN requests about entity types that a folder's schema declares. */
import type { JsonValue } from '@credence/model'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import type { KnownEntities } from './authzen-entities.ts'
import { CedarEntity, CedarQuestion, type Entities } from './compile/entities.ts'
import { shapeOf } from './compile/shape.ts'
import { CedarRecord, type CedarValue, NO_FIELDS, Uid } from './compile/values.ts'
import { anyAction } from './facts/actions.ts'
import type { Reader } from './facts/arguments.ts'
import type { PolicySnapshot } from './snapshot.ts'

/** What Cedar accepts as the name of an entity type. */
const TYPE = /^[A-Za-z_][A-Za-z0-9_]{0,127}(?:::[A-Za-z_][A-Za-z0-9_]{0,127}){0,8}$/
/** INVARIANT: entities of these types come from our rows alone; a request cannot make one. */
const RESERVED = new Set(['Action', 'Agent', 'Person', 'Owner', 'Group', 'Client', 'Server', 'Tool', 'Authority'])

const isAction = (type: string): boolean => type === 'Action' || type.endsWith('::Action')

type Fields = { readonly [name: string]: JsonValue }

/** A parsed JSON body holds JSON values; `unknown` is all that the schema of a free object can say of them. */
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const NONE: Fields = Object.freeze({})

export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

const UNNAMEABLE = 'No policy can name an entity of this type.'
const OURS = 'Entities of this type are ours and are asked for by their lower-case names.'

const judgeType = (type: string): string | undefined => {
  if (!TYPE.test(type)) return UNNAMEABLE
  return isAction(type) ? OURS : undefined
}

const judged = new Map<string, string | undefined>()
const REMEMBERED = 1000
const LONGEST = 256

/** The types that come are few, and judging one costs more than the rest of its entity. */
const typeProblem = (type: string, alone: boolean): string | undefined => {
  if (!alone && RESERVED.has(type)) return OURS
  if (judged.has(type)) return judged.get(type)
  const problem = judgeType(type)
  if (judged.size < REMEMBERED && type.length <= LONGEST) judged.set(type, problem)
  return problem
}

/** Whether entities of this type may be given from outside our rows. `alone`: to a set without our schema, where none is ours. */
export const isNameable = (type: string, alone: boolean): boolean => typeProblem(type, alone) === undefined

const SAID_ALONE = shapeOf(['properties'])

const withProperties = (known: CedarRecord, properties: CedarValue): CedarRecord =>
  known === NO_FIELDS
    ? new CedarRecord(SAID_ALONE, [properties])
    : CedarRecord.of([...known.entries(), ['properties', properties]])

/**
 * A sentence when there is no such entity, or when the properties are not what the schema declares.
 * INVARIANT: of a type that is known here, only those that are there exist.
 */
const entityOf = (
  given: EvaluationRequest['subject'],
  snapshot: PolicySnapshot,
  known: KnownEntities | undefined,
): CedarEntity | string => {
  const problem = typeProblem(given.type, snapshot.source.alone === true)
  if (problem !== undefined) return problem
  if (!given.id.isWellFormed()) return 'An id is not well-formed text.'
  const those = known?.byId(given.type)
  const there = those?.get(given.id)
  if (those !== undefined && there === undefined) return 'Nothing is known here by this type and id.'
  const bare = there ?? new CedarEntity({ uid: new Uid(given.type, given.id), attrs: NO_FIELDS, parents: [] })
  const declared = snapshot.declared.properties.get(given.type)
  if (declared === undefined || (given.properties === undefined && !declared.required)) return bare
  const properties = declared.read(fieldsOf(given.properties))
  if (properties === undefined) return `Properties of a ${given.type} are not of the declared type.`
  const attrs = withProperties(bare.attrs, properties)
  return new CedarEntity({ uid: bare.uid, attrs, parents: bare.parents }, known)
}

/** What is in the question itself wins: it may carry what the request says of an entity that is known. */
class Asked implements Entities {
  readonly #own: readonly CedarEntity[]
  readonly #known: KnownEntities | undefined

  constructor(own: readonly CedarEntity[], known: KnownEntities | undefined) {
    this.#own = own
    this.#known = known
  }

  get(key: string): CedarEntity | undefined {
    for (const one of this.#own) if (one.uid.key === key) return one
    return this.#known?.get(key)
  }

  *values(): Iterable<CedarEntity> {
    const named = new Map(this.#own.map((one) => [one.uid.key, one]))
    yield* named.values()
    for (const one of this.#known?.values() ?? []) if (!named.has(one.uid.key)) yield one
  }
}

/** By reader: what it makes of nothing, which most requests bring. */
const ofNothing = new WeakMap<Reader, CedarValue | undefined>()

const readNothing = (read: Reader): CedarValue | undefined => {
  if (!ofNothing.has(read)) ofNothing.set(read, read(NONE))
  return ofNothing.get(read)
}

/**
 * `properties` of the action, which cannot be attributes of it in Cedar, stand in the context as `action`.
 * INVARIANT: a member `action` of the request's own context never stands for them. Nothing is copied: a batch says one
 * large context for a thousand questions.
 */
const readContext = (read: Reader, { action, context }: EvaluationRequest): CedarValue | undefined => {
  if (context === undefined && action.properties === undefined) return readNothing(read)
  const value = action.properties === undefined ? undefined : fieldsOf(action.properties)
  return read(fieldsOf(context), { name: 'action', value })
}

/** A sentence when the request is about something that no policy of this set could permit. */
export const genericQuestion = (
  request: EvaluationRequest,
  snapshot: PolicySnapshot,
  /** The subject, when it is one of ours. */
  ours: CedarEntity | undefined,
  known?: KnownEntities,
): CedarQuestion | string => {
  const principal = ours ?? entityOf(request.subject, snapshot, known)
  if (typeof principal === 'string') return principal
  const resource = entityOf(request.resource, snapshot, known)
  if (typeof resource === 'string') return resource
  if (!request.action.name.isWellFormed()) return 'The name of the action is not well-formed text.'
  const action = anyAction(snapshot.actions, request.action.name)
  const read = snapshot.declared.contexts.get(action.uid.key)
  const context = read === undefined ? NO_FIELDS : readContext(read, request)
  if (!(context instanceof CedarRecord)) return 'The context is not of the declared type.'
  const asked = { principal: principal.uid, action: action.uid, resource: resource.uid }
  return new CedarQuestion(asked, context, new Asked([principal, resource, action], known), {
    principal,
    action,
    resource,
  })
}
