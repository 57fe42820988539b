/**
 * Policies side by side in the order of their buckets. What a question looks at are a few lists of numbers: an object
 * for each policy, somewhere on the heap, would cost more to reach than to evaluate.
 */
import type { Bucket, Buckets, Dimension } from './buckets.ts'
import type { CedarEntity } from './entities.ts'
import { type Evaluate, PRINCIPAL, RESOURCE } from './node.ts'
import type { CompiledPolicy } from './policy.ts'
import { PORTION, type Portions } from './portions.ts'
import { type EntityScope, matchesAction, matchesEntity } from './scope.ts'
import { type Tests, TestTable } from './tests.ts'
import type { Uid } from './values.ts'

/** Three numbers for each group: action constraint, where its first policy begins, where its last one ends. */
export type Groups = readonly number[]

/** No test: it is so. */
export const ALWAYS = -1
/** Instead of a number of conjuncts: only cedar-wasm can say. */
export const ENGINE = -1

/** Of one policy: test of its scope, number and effect, how many conjuncts; then the conjuncts. */
export const SCOPE = 0
/** Twice its number, and one more for a permit. */
export const NAME = 1
export const COUNT = 2
export const CONJUNCTS = 3

export interface Layout {
  readonly ids: readonly string[]
  readonly policies: Int32Array
  readonly tests: Tests
  readonly byPrincipal: Lookup
  readonly byResource: Lookup
  readonly rest: Groups
  readonly actions: readonly CompiledPolicy[]
  /** The answers of `actionMatches` so far, so that equal ones are one. */
  readonly matches: Map<string, Uint8Array>
  /** What entities remember this program by: it keeps nothing of an old version alive. */
  readonly token: object
}

export interface Lookup {
  readonly exact: ReadonlyMap<string, Groups>
  readonly within: ReadonlyMap<string, Groups>
  readonly byType: ReadonlyMap<string, Groups>
}

const scopeName = ({ type, entity, within }: EntityScope): string =>
  JSON.stringify([type ?? null, entity ?? null, within])

const isOpen = ({ type, entity }: EntityScope): boolean => type === undefined && entity === undefined

const ofType = ({ type, entity }: EntityScope): boolean => type !== undefined && entity === undefined

/** Types alone, as in most policies, need no look at an entity. */
const scopeTest = (who: EntityScope, what: EntityScope): Evaluate<boolean> => {
  if (isOpen(who) && ofType(what)) return ({ resource }) => resource.type === what.type
  if (isOpen(what) && ofType(who)) return ({ principal }) => principal.type === who.type
  return (question) => {
    if (!matchesEntity(who, question.principal, question.principalEntity)) return false
    return matchesEntity(what, question.resource, question.resourceEntity)
  }
}

class Builder {
  readonly #table = new TestTable()
  readonly #ids: string[] = []
  readonly #policies: number[] = []

  /** One test for both sides of the scope, of what is still open. */
  #scope(who: EntityScope, what: EntityScope): number {
    if (isOpen(who) && isOpen(what)) return ALWAYS
    const asks = (isOpen(who) ? 0 : PRINCIPAL) | (isOpen(what) ? 0 : RESOURCE)
    const types = who.entity === undefined && what.entity === undefined
    return this.#table.test(`${scopeName(who)} ${scopeName(what)}`, scopeTest(who, what), { asks, total: true, types })
  }

  /** `implied`: what being in the bucket says already. */
  #add(policy: CompiledPolicy, implied: 'principal' | 'resource' | 'nothing'): void {
    const who = implied === 'principal' ? impliedByBucket(policy.principal) : policy.principal
    const what = implied === 'resource' ? impliedByBucket(policy.resource) : policy.resource
    const number = this.#ids.push(policy.id) - 1
    const tests = policy.conjuncts.map((conjunct) => this.#table.test(conjunct, conjunct.run, conjunct, conjunct.form))
    const count = policy.engine === undefined ? tests.length : ENGINE
    const name = number * 2 + (policy.effect === 'permit' ? 1 : 0)
    this.#policies.push(this.#scope(who, what), name, count, ...(count === ENGINE ? [] : tests))
  }

  groups(bucket: Bucket, implied: 'principal' | 'resource' | 'nothing'): Groups {
    const found: number[] = []
    for (const [action, policies] of bucket) {
      const from = this.#policies.length
      for (const policy of policies) this.#add(policy, implied)
      found.push(action, from, this.#policies.length)
    }
    return found
  }

  *#all(buckets: ReadonlyMap<string, Bucket>, implied: 'principal' | 'resource'): Portions<Map<string, Groups>> {
    const found = new Map<string, Groups>()
    for (const [key, bucket] of buckets) {
      found.set(key, this.groups(bucket, implied))
      if (found.size % PORTION === 0) yield
    }
    return found
  }

  *lookup({ exact, within, byType }: Dimension, implied: 'principal' | 'resource'): Portions<Lookup> {
    return {
      exact: yield* this.#all(exact, implied),
      within: yield* this.#all(within, implied),
      byType: yield* this.#all(byType, implied),
    }
  }

  build(parts: Pick<Layout, 'byPrincipal' | 'byResource' | 'rest' | 'actions'>): Layout {
    return {
      ...parts,
      ids: this.#ids,
      policies: Int32Array.from(this.#policies),
      tests: this.#table.build(),
      matches: new Map(),
      token: {},
    }
  }
}

/** What a bucket by key leaves open is the type of `is T in key`; a bucket by type leaves nothing. */
const impliedByBucket = ({ type, entity }: EntityScope): EntityScope => ({
  type: entity === undefined ? undefined : type,
  entity: undefined,
  within: false,
})

export function* layOut({ principal, resource, rest, actions }: Buckets): Portions<Layout> {
  const builder = new Builder()
  return builder.build({
    byPrincipal: yield* builder.lookup(principal, 'principal'),
    byResource: yield* builder.lookup(resource, 'resource'),
    rest: builder.groups(rest, 'nothing'),
    actions,
  })
}

const NO_GROUPS: Groups = []

/** Most entities have groups from one place only, and those need no list of their own. */
const joined = (some: Groups, more: Groups | undefined): Groups => {
  if (more === undefined) return some
  return some.length === 0 ? more : [...some, ...more]
}

/** Groups of the entity itself, of each of its ancestors, and of its type. */
export const groupsOf = ({ exact, within, byType }: Lookup, uid: Uid, entity: CedarEntity | undefined): Groups => {
  let found = joined(NO_GROUPS, byType.get(uid.type))
  // The key of an entity that came with the request was never looked up before, which costs more than a look at the sizes.
  if (exact.size > 0) found = joined(found, exact.get(uid.key))
  if (within.size > 0) found = joined(found, within.get(uid.key))
  if (entity === undefined || within.size === 0) return found
  for (const key of entity.ancestors) found = joined(found, within.get(key))
  return found
}

/** More are not made one: unknown actions come from outside. */
const MATCHES_AT_MOST = 1024

/** For each action constraint whether it holds for this action. Equal answers are one. */
export const actionMatches = ({ actions, matches }: Layout, uid: Uid, entity: CedarEntity | undefined): Uint8Array => {
  const found = Uint8Array.from(actions, ({ action }) => (matchesAction(action, uid, entity) ? 1 : 0))
  const name = found.join('')
  const known = matches.get(name)
  if (known === undefined && matches.size < MATCHES_AT_MOST) matches.set(name, found)
  return known ?? found
}
