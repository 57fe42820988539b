/**
 * Many policies as one indexed program. A policy lies in exactly one bucket, chosen by what its scope says about the
 * resource, else about the principal; only buckets that this question can reach are looked at.
 */
import { EvaluationFailure } from './errors.ts'
import { compileExpression, type Evaluate } from './expression.ts'
import { field, list } from './json.ts'
import { asBool } from './operators.ts'
import { type ActionScope, type EntityScope, matchesEntity, readActionScope, readEntityScope } from './scope.ts'
import type { CedarQuestion, Uid } from './values.ts'

export interface CompiledPolicy {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly principal: EntityScope
  readonly action: ActionScope
  readonly resource: EntityScope
  /** Each must be true; in order. */
  readonly conditions: readonly Evaluate[]
}

const compileCondition = (clause: unknown): Evaluate => {
  const body = compileExpression(field(clause, 'body'))
  return field(clause, 'kind') === 'when' ? body : (question) => !asBool(body(question))
}

/** Throws `NotCompiled`. */
export const compilePolicy = (id: string, effect: 'permit' | 'forbid', json: unknown): CompiledPolicy => ({
  id,
  effect,
  principal: readEntityScope(field(json, 'principal')),
  action: readActionScope(field(json, 'action')),
  resource: readEntityScope(field(json, 'resource')),
  conditions: list(field(json, 'conditions')).map(compileCondition),
})

export interface Verdict {
  readonly allow: boolean
  /** Determining policies: the forbids that hold, else the permits that hold. */
  readonly reasons: readonly string[]
  /** Policies that failed and were skipped. */
  readonly errors: readonly { readonly policy: string; readonly message: string }[]
}

type Bucket = CompiledPolicy[]

/** Buckets of one action. */
interface ActionIndex {
  readonly byResource: Map<string, Bucket>
  readonly byPrincipal: Map<string, Bucket>
  readonly byResourceType: Map<string, Bucket>
  readonly byPrincipalType: Map<string, Bucket>
  readonly general: Bucket
}

const emptyIndex = (): ActionIndex => ({
  byResource: new Map(),
  byPrincipal: new Map(),
  byResourceType: new Map(),
  byPrincipalType: new Map(),
  general: [],
})

const bucketIn = (buckets: Map<string, Bucket>, key: string): Bucket => {
  const found = buckets.get(key)
  if (found !== undefined) return found
  const bucket: Bucket = []
  buckets.set(key, bucket)
  return bucket
}

const place = (index: ActionIndex, policy: CompiledPolicy): void => {
  const { principal, resource } = policy
  const bucket =
    resource.entity !== undefined
      ? bucketIn(index.byResource, resource.entity)
      : principal.entity !== undefined
        ? bucketIn(index.byPrincipal, principal.entity)
        : resource.type !== undefined
          ? bucketIn(index.byResourceType, resource.type)
          : principal.type !== undefined
            ? bucketIn(index.byPrincipalType, principal.type)
            : index.general
  bucket.push(policy)
}

const holds = (policy: CompiledPolicy, question: CedarQuestion): boolean => {
  for (const condition of policy.conditions) if (!asBool(condition(question))) return false
  return true
}

class Run {
  readonly permits: string[] = []
  readonly forbids: string[] = []
  readonly errors: { policy: string; message: string }[] = []
  readonly #question: CedarQuestion

  constructor(question: CedarQuestion) {
    this.#question = question
  }

  bucket(policies: Bucket | undefined): void {
    if (policies !== undefined) for (const policy of policies) this.#policy(policy)
  }

  #policy(policy: CompiledPolicy): void {
    const question = this.#question
    if (!matchesEntity(policy.principal, question, question.principal)) return
    if (!matchesEntity(policy.resource, question, question.resource)) return
    try {
      if (holds(policy, question)) (policy.effect === 'permit' ? this.permits : this.forbids).push(policy.id)
    } catch (error) {
      // > A policy whose evaluation results in an error is skipped. (Cedar, authorization semantics)
      if (!(error instanceof EvaluationFailure)) throw error
      this.errors.push({ policy: policy.id, message: error.message })
    }
  }

  /** A bucket of the entity itself and of each of its ancestors. */
  family(buckets: ReadonlyMap<string, Bucket>, uid: Uid): void {
    if (buckets.size === 0) return
    this.bucket(buckets.get(uid.key))
    const ancestors = this.#question.entities.get(uid.key)?.ancestors
    if (ancestors !== undefined) for (const key of ancestors) if (key !== uid.key) this.bucket(buckets.get(key))
  }

  index(index: ActionIndex | undefined): void {
    if (index === undefined) return
    const { principal, resource } = this.#question
    this.family(index.byResource, resource)
    this.family(index.byPrincipal, principal)
    this.bucket(index.byResourceType.get(resource.type))
    this.bucket(index.byPrincipalType.get(principal.type))
    this.bucket(index.general)
  }
}

export type Program = (question: CedarQuestion) => Verdict

/** Actions that name a policy: `==` by the action itself, `in` by the action and each of its groups, once per policy. */
export const linkProgram = (policies: readonly CompiledPolicy[]): Program => {
  const everyAction = emptyIndex()
  const exact = new Map<string, ActionIndex>()
  const groups: { readonly actions: ReadonlySet<string>; readonly index: ActionIndex }[] = []
  const groupOf = new Map<string, ActionIndex>()
  for (const policy of policies) {
    const { actions, within } = policy.action
    if (actions === undefined) place(everyAction, policy)
    else if (!within) for (const action of actions) place(indexFor(exact, action), policy)
    else {
      const name = [...new Set(actions)].sort().join('\0')
      if (!groupOf.has(name)) groups.push({ actions: new Set(actions), index: indexFor(groupOf, name) })
      place(indexFor(groupOf, name), policy)
    }
  }
  return (question) => {
    const run = new Run(question)
    run.index(everyAction)
    run.index(exact.get(question.action.key))
    const ancestors = question.entities.get(question.action.key)?.ancestors
    for (const { actions, index } of groups) if (touches(actions, question.action.key, ancestors)) run.index(index)
    const allow = run.forbids.length === 0 && run.permits.length > 0
    return { allow, reasons: run.forbids.length > 0 ? run.forbids : run.permits, errors: run.errors }
  }
}

const indexFor = (indexes: Map<string, ActionIndex>, name: string): ActionIndex => {
  const index = indexes.get(name) ?? emptyIndex()
  indexes.set(name, index)
  return index
}

const touches = (actions: ReadonlySet<string>, action: string, ancestors: ReadonlySet<string> | undefined): boolean => {
  if (actions.has(action)) return true
  if (ancestors !== undefined) for (const ancestor of ancestors) if (actions.has(ancestor)) return true
  return false
}
