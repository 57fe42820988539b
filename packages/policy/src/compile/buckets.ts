/**
 * Which policies a question can reach. A policy lies in exactly one bucket: that of its principal or resource
 * constraint, whichever keeps it away from more questions; only policies that constrain neither lie in the rest.
 */
import type { CedarEntity } from './entities.ts'
import type { CompiledPolicy } from './policy.ts'
import { type EntityScope, matchesAction } from './scope.ts'
import type { Uid } from './values.ts'

/** Policies of a bucket that say the same about the action. */
export interface ActionGroup {
  /** Which of the program's action constraints. */
  readonly action: number
  readonly policies: CompiledPolicy[]
}

export type Bucket = ActionGroup[]

/** One dimension: by key of an entity, and by type for those that name no entity. */
export interface Dimension {
  readonly byKey: Map<string, Bucket>
  readonly byType: Map<string, Bucket>
}

export interface Buckets {
  readonly principal: Dimension
  readonly resource: Dimension
  readonly rest: Bucket
  /** One policy for each action constraint that occurs. */
  readonly actions: readonly CompiledPolicy[]
  /** What entities remember this program by: it keeps nothing of an old version alive. */
  readonly token: object
}

const emptyDimension = (): Dimension => ({ byKey: new Map(), byType: new Map() })

const bucketIn = (buckets: Map<string, Bucket>, key: string): Bucket => {
  const found = buckets.get(key) ?? []
  buckets.set(key, found)
  return found
}

const actionName = ({ action: { actions, within } }: CompiledPolicy): string =>
  actions === undefined ? '' : `${within ? 'in' : '=='} ${JSON.stringify([...new Set(actions)].sort())}`

/** Everybody of a type is met far more often than one entity, and a group more often than one of its members. */
const TYPE_WEIGHT = 1000
const WITHIN_WEIGHT = 4

class Populations {
  readonly #counts = new Map<string, number>()

  #name({ entity, type }: EntityScope): string {
    return entity === undefined ? `type ${type}` : `entity ${entity}`
  }

  count(scope: EntityScope): void {
    const name = this.#name(scope)
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** How many policies, by how often, a question would have to look at in this scope's bucket. */
  weigh(scope: EntityScope): number {
    if (scope.entity === undefined && scope.type === undefined) return Number.POSITIVE_INFINITY
    const often = scope.entity === undefined ? TYPE_WEIGHT : scope.within ? WITHIN_WEIGHT : 1
    return often * (this.#counts.get(this.#name(scope)) ?? 0)
  }
}

export class BucketBuilder {
  readonly #principals = new Populations()
  readonly #resources = new Populations()
  readonly #actionIds = new Map<string, number>()
  readonly #actions: CompiledPolicy[] = []
  readonly #principal = emptyDimension()
  readonly #resource = emptyDimension()
  readonly #rest: Bucket = []

  /** Every policy is counted before the first is placed. */
  count({ principal, resource }: CompiledPolicy): void {
    this.#principals.count(principal)
    this.#resources.count(resource)
  }

  place(policy: CompiledPolicy): void {
    const { principal, resource } = policy
    const byPrincipal = this.#principals.weigh(principal)
    const byResource = this.#resources.weigh(resource)
    const bucket =
      byPrincipal === byResource && byPrincipal === Number.POSITIVE_INFINITY
        ? this.#rest
        : byPrincipal < byResource
          ? this.#bucketOf(this.#principal, principal)
          : this.#bucketOf(this.#resource, resource)
    this.#push(bucket, policy)
  }

  #bucketOf({ byKey, byType }: Dimension, { entity, type }: EntityScope): Bucket {
    return entity === undefined ? bucketIn(byType, type ?? '') : bucketIn(byKey, entity)
  }

  #push(bucket: Bucket, policy: CompiledPolicy): void {
    const name = actionName(policy)
    let action = this.#actionIds.get(name)
    if (action === undefined) {
      action = this.#actions.length
      this.#actionIds.set(name, action)
      this.#actions.push(policy)
    }
    const group = bucket.find((one) => one.action === action)
    if (group === undefined) bucket.push({ action, policies: [policy] })
    else group.policies.push(policy)
  }

  build(): Buckets {
    return { principal: this.#principal, resource: this.#resource, rest: this.#rest, actions: this.#actions, token: {} }
  }
}

/** Groups of the entity itself, of each of its ancestors, and of its type. */
export const groupsOf = (
  { byKey, byType }: Dimension,
  uid: Uid,
  entity: CedarEntity | undefined,
): readonly ActionGroup[] => {
  const found = [...(byKey.get(uid.key) ?? []), ...(byType.get(uid.type) ?? [])]
  if (entity === undefined || byKey.size === 0) return found
  for (const key of entity.ancestors) {
    const bucket = byKey.get(key)
    if (bucket !== undefined) found.push(...bucket)
  }
  return found
}

/** For each action constraint whether it holds for this action. */
export const actionMatches = (buckets: Buckets, uid: Uid, entity: CedarEntity | undefined): Uint8Array =>
  Uint8Array.from(buckets.actions, ({ action }) => (matchesAction(action, uid, entity) ? 1 : 0))
