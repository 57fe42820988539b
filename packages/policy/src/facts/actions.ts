/** Actions as entities with their groups. */
import { AUTHORITY_GROUPS, authorityGroup, groupAction } from '../authority-actions.ts'
import { CedarEntity, linkEntities } from '../compile/entities.ts'
import { NO_FIELDS, Uid } from '../compile/values.ts'

export const actionUid = (name: string): Uid => new Uid('Action', name)

type Json = { readonly [name: string]: unknown }
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** From Cedar's JSON form of the schema; namespaces give the type its prefix. */
export const schemaActions = (schema: unknown): ReadonlyMap<string, CedarEntity> => {
  const list = Object.entries(isJson(schema) ? schema : {}).flatMap(([namespace, definition]) => {
    const ownType = namespace === '' ? 'Action' : `${namespace}::Action`
    const actions = isJson(definition) && isJson(definition['actions']) ? definition['actions'] : {}
    return Object.entries(actions).map(([name, action]) => {
      const memberOf: unknown = isJson(action) ? action['memberOf'] : undefined
      const parents = (Array.isArray(memberOf) ? memberOf : []).flatMap((parent: unknown) =>
        isJson(parent) ? [new Uid(String(parent['type'] ?? ownType), String(parent['id']))] : [],
      )
      return { uid: new Uid(ownType, name), attrs: NO_FIELDS, parents }
    })
  })
  return linkEntities(list)
}

const authorityActions = new Map<string, CedarEntity>()
const KNOWN_AT_MOST = 1000

/**
 * INVARIANT: the groups of an operation on the authority come from our table alone, never from a folder's schema,
 * which could otherwise declare an administrative act to be a harmless one.
 */
export const authorityAction = (method: string): CedarEntity => {
  const known = authorityActions.get(method)
  if (known !== undefined) return known
  const group = authorityGroup(method)
  const parents = [group, ...AUTHORITY_GROUPS[group]].map((one) => actionUid(groupAction(one)))
  const action = new CedarEntity({ uid: actionUid(method), attrs: NO_FIELDS, parents })
  if (authorityActions.size < KNOWN_AT_MOST) authorityActions.set(method, action)
  return action
}

export const anyAction = (actions: ReadonlyMap<string, CedarEntity>, method: string): CedarEntity => {
  const uid = actionUid(method)
  return actions.get(uid.key) ?? new CedarEntity({ uid, attrs: NO_FIELDS, parents: [] })
}
