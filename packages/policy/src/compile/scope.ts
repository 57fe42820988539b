/** The head of a policy: to whom, for what and on what it may apply. Scopes never fail. */
import { NotCompiled } from './errors.ts'
import { entityUid, field, list, text } from './json.ts'
import { isWithin } from './operators.ts'
import type { CedarQuestion, Uid } from './values.ts'

/** A scope over principal or resource. `entity`: equal to it, or with `within` below it too. */
export interface EntityScope {
  readonly type?: string
  readonly entity?: string
  readonly within: boolean
}

export const readEntityScope = (constraint: unknown): EntityScope => {
  const operator = field(constraint, 'op')
  if (field(constraint, 'slot') !== undefined) throw new NotCompiled('a template')
  if (operator === 'All') return { within: false }
  if (operator === '==') return { entity: entityUid(field(constraint, 'entity')).key, within: false }
  if (operator === 'in') return { entity: entityUid(field(constraint, 'entity')).key, within: true }
  if (operator !== 'is') throw new NotCompiled('an unknown scope')
  const type = text(field(constraint, 'entity_type'))
  const within = field(constraint, 'in')
  if (within === undefined) return { type, within: false }
  if (field(within, 'slot') !== undefined) throw new NotCompiled('a template')
  return { type, entity: entityUid(field(within, 'entity')).key, within: true }
}

export const matchesEntity = (scope: EntityScope, question: CedarQuestion, uid: Uid): boolean => {
  if (scope.type !== undefined && scope.type !== uid.type) return false
  if (scope.entity === undefined) return true
  return scope.within ? isWithin(question, uid, scope.entity) : scope.entity === uid.key
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
  if (operator !== '==' && operator !== 'in') throw new NotCompiled('an unknown scope')
  return { actions: entities.map((entity) => entityUid(entity).key), within: operator === 'in' }
}
