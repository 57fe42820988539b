/**
 * Which policies a question can reach. A policy lies in exactly one bucket: that of its principal or resource
 * constraint, whichever keeps it away from more questions; only policies that constrain neither lie in the rest.
 */
import type { CompiledPolicy } from './policy.ts'
import type { EntityScope } from './scope.ts'

/** Policies that say the same about the action, by action constraint. */
export type Bucket = Map<number, CompiledPolicy[]>

/** One dimension: by key of an entity, and by type for those that name none. */
export interface Dimension {
  /** `== key`: met by the entity alone. */
  readonly exact: Map<string, Bucket>
  /** `in key`: met by the entity and by all below it. */
  readonly within: Map<string, Bucket>
  readonly byType: Map<string, Bucket>
}

export interface Buckets {
  readonly principal: Dimension
  readonly resource: Dimension
  readonly rest: Bucket
  /** One policy for each action constraint that occurs. */
  readonly actions: readonly CompiledPolicy[]
}

const emptyDimension = (): Dimension => ({ exact: new Map(), within: new Map(), byType: new Map() })

const bucketIn = (buckets: Map<string, Bucket>, key: string): Bucket => {
  const found = buckets.get(key) ?? new Map()
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
  readonly #rest: Bucket = new Map()

  /** Every policy is counted before the first is placed. */
  count({ principal, resource }: CompiledPolicy): void {
    this.#principals.count(principal)
    this.#resources.count(resource)
  }

  place(policy: CompiledPolicy): void {
    const { principal, resource } = policy
    const byPrincipal = this.#principals.weigh(principal)
    const byResource = this.#resources.weigh(resource)
    if (byPrincipal < byResource) this.#push(this.#bucketOf(this.#principal, principal), policy)
    else if (byResource < Number.POSITIVE_INFINITY) this.#push(this.#bucketOf(this.#resource, resource), policy)
    else this.#push(this.#rest, policy)
  }

  #bucketOf({ exact, within, byType }: Dimension, scope: EntityScope): Bucket {
    if (scope.entity === undefined) return bucketIn(byType, scope.type ?? '')
    return bucketIn(scope.within ? within : exact, scope.entity)
  }

  #action(policy: CompiledPolicy): number {
    const name = actionName(policy)
    const known = this.#actionIds.get(name)
    if (known !== undefined) return known
    this.#actionIds.set(name, this.#actions.length)
    return this.#actions.push(policy) - 1
  }

  #push(bucket: Bucket, policy: CompiledPolicy): void {
    const action = this.#action(policy)
    const group = bucket.get(action)
    if (group === undefined) bucket.set(action, [policy])
    else group.push(policy)
  }

  build(): Buckets {
    return { principal: this.#principal, resource: this.#resource, rest: this.#rest, actions: this.#actions }
  }
}
