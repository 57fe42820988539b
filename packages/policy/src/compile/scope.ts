/** The head of a policy: to whom, for what and on what it may apply. Scopes never fail. */
import type { CedarEntity } from './entities.ts'
import { entityUid, field, list, text } from './json.ts'
import { isWithin } from './operators.ts'
import type { Uid } from './values.ts'

/** A scope over principal or resource. `entity`: equal to it, or with `within` below it too. */
export interface EntityScope {
  readonly type: string | undefined
  readonly entity: string | undefined
  readonly within: boolean
}

/** What a link puts in the slots of its template. */
export interface Slots {
  readonly '?principal'?: Uid
  readonly '?resource'?: Uid
}

const target = (constraint: unknown, slots: Slots): string => {
  const slot = field(constraint, 'slot')
  if (slot === undefined) return entityUid(field(constraint, 'entity')).key
  const uid = slot === '?principal' ? slots['?principal'] : slot === '?resource' ? slots['?resource'] : undefined
  if (uid === undefined) throw new TypeError(`nothing is linked for ${String(slot)}`)
  return uid.key
}

export const readEntityScope = (constraint: unknown, slots: Slots): EntityScope => {
  const operator = field(constraint, 'op')
  if (operator === 'All') return { type: undefined, entity: undefined, within: false }
  if (operator === '==') return { type: undefined, entity: target(constraint, slots), within: false }
  if (operator === 'in') return { type: undefined, entity: target(constraint, slots), within: true }
  if (operator !== 'is') throw new TypeError('an unknown scope')
  const type = text(field(constraint, 'entity_type'))
  const within = field(constraint, 'in')
  if (within === undefined) return { type, entity: undefined, within: false }
  return { type, entity: target(within, slots), within: true }
}

export const matchesEntity = (scope: EntityScope, uid: Uid, entity: CedarEntity | undefined): boolean => {
  if (scope.type !== undefined && scope.type !== uid.type) return false
  if (scope.entity === undefined) return true
  return scope.within ? isWithin(entity, uid, scope.entity) : scope.entity === uid.key
}

/** Keys of the actions; undefined: every action. */
export interface ActionScope {
  readonly actions: readonly string[] | undefined
  readonly within: boolean
}

export const readActionScope = (constraint: unknown): ActionScope => {
  const operator = field(constraint, 'op')
  if (operator === 'All') return { actions: undefined, within: false }
  const single = field(constraint, 'entity')
  const entities = single === undefined ? list(field(constraint, 'entities')) : [single]
  if (operator !== '==' && operator !== 'in') throw new TypeError('an unknown scope')
  return { actions: entities.map((entity) => entityUid(entity).key), within: operator === 'in' }
}

export const matchesAction = (scope: ActionScope, uid: Uid, entity: CedarEntity | undefined): boolean => {
  if (scope.actions === undefined) return true
  if (!scope.within) return scope.actions.includes(uid.key)
  return scope.actions.some((action) => isWithin(entity, uid, action))
}
