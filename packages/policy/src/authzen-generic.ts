/** AuthZEN requests about entity types that a folder's schema declares. */
import type { JsonValue } from '@credence/model'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import type { KnownEntities } from './authzen-entities.ts'
import { CedarEntity, CedarQuestion, type Entities } from './compile/entities.ts'
import { CedarRecord, NO_FIELDS, Uid } from './compile/values.ts'
import { anyAction } from './facts/actions.ts'
import type { PolicySnapshot } from './snapshot.ts'

/** What Cedar accepts as the name of an entity type. */
const TYPE = /^[A-Za-z_][A-Za-z0-9_]{0,127}(?:::[A-Za-z_][A-Za-z0-9_]{0,127}){0,8}$/
/** INVARIANT: entities of these types come from our rows alone; a request cannot make one. */
const RESERVED = new Set(['Action', 'Agent', 'Person', 'Owner', 'Client', 'Server', 'Tool', 'Authority'])

const isAction = (type: string): boolean => type === 'Action' || type.endsWith('::Action')

type Fields = { readonly [name: string]: JsonValue }

/** A parsed JSON body holds JSON values; `unknown` is all that the schema of a free object can say of them. */
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

const typeProblem = (type: string): string | undefined => {
  if (!TYPE.test(type)) return 'No policy can name an entity of this type.'
  return RESERVED.has(type) || isAction(type)
    ? 'Entities of this type are ours and are asked for by their lower-case names.'
    : undefined
}

/** Whether entities of this type may be given from outside our rows. */
export const isNameable = (type: string): boolean => typeProblem(type) === undefined

/** Whether an entity of this type and id may be meant at all: of a type that is known here, only those that are there exist. */
const isUnknown = (uid: Uid, known: KnownEntities | undefined): boolean =>
  known?.ofType(uid.type) !== undefined && known.get(uid.key) === undefined

/** A sentence when there is no such entity, or when the properties are not what the schema declares. */
const entityOf = (
  given: EvaluationRequest['subject'],
  snapshot: PolicySnapshot,
  known: KnownEntities | undefined,
): CedarEntity | string => {
  const problem = typeProblem(given.type)
  if (problem !== undefined) return problem
  if (!given.id.isWellFormed()) return 'An id is not well-formed text.'
  const uid = new Uid(given.type, given.id)
  const declared = snapshot.declared.properties.get(given.type)
  if (isUnknown(uid, known)) return 'Nothing is known here by this type and id.'
  const bare = known?.get(uid.key) ?? new CedarEntity({ uid, attrs: NO_FIELDS, parents: [] })
  if (declared === undefined || (given.properties === undefined && !declared.required)) return bare
  const properties = declared.read(fieldsOf(given.properties))
  if (properties === undefined) return `Properties of a ${given.type} are not of the declared type.`
  const attrs = CedarRecord.of([...bare.attrs.entries(), ['properties', properties]])
  return new CedarEntity({ uid, attrs, parents: bare.parents }, known)
}

/**
 * `properties` of the action, which cannot be attributes of it in Cedar, stand in the context as `action`.
 * INVARIANT: a member `action` of the request's own context never stands for them.
 */
const contextOf = ({ action, context }: EvaluationRequest): Fields => {
  const { action: _taken, ...own } = fieldsOf(context)
  return action.properties === undefined ? own : { ...own, action: fieldsOf(action.properties) }
}

/** What is in the question itself wins: it may carry what the request says of an entity that is known. */
const withKnown = (own: readonly CedarEntity[], known: KnownEntities | undefined): Entities => {
  const named = new Map(own.map((one) => [one.uid.key, one]))
  if (known === undefined) return named
  return {
    get: (key) => named.get(key) ?? known.get(key),
    values: function* () {
      yield* named.values()
      for (const one of known.values()) if (!named.has(one.uid.key)) yield one
    },
  }
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
  const context = snapshot.declared.contexts.get(action.uid.key)?.(contextOf(request)) ?? NO_FIELDS
  const declared = snapshot.declared.contexts.has(action.uid.key)
  if (declared && context === NO_FIELDS) return 'The context is not of the declared type.'
  if (!(context instanceof CedarRecord)) return 'The context is not of the declared type.'
  const asked = { principal: principal.uid, action: action.uid, resource: resource.uid }
  return new CedarQuestion(asked, context, withKnown([principal, resource, action], known))
}
