/** Many policies as one indexed program. */
import { type ActionGroup, actionMatches, BucketBuilder, type Buckets, type Dimension, groupsOf } from './buckets.ts'
import type { CedarEntity, CedarQuestion, Remembered } from './entities.ts'
import { EvaluationFailure, type FailureKind } from './errors.ts'
import type { CompiledPolicy } from './policy.ts'
import { matchesEntity } from './scope.ts'
import type { Uid } from './values.ts'

export interface PolicyFailure {
  readonly policy: string
  readonly kind: FailureKind
  readonly message: string
}

export interface Verdict {
  readonly allow: boolean
  /** Determining policies: the forbids that hold, else the permits that hold. */
  readonly reasons: readonly string[]
  /** Policies that failed and were skipped. */
  readonly errors: readonly PolicyFailure[]
}

/** What each policy said. */
export interface Outcome {
  readonly permits: readonly string[]
  readonly forbids: readonly string[]
  readonly errors: readonly PolicyFailure[]
}

/** Default deny, forbid wins. */
export const verdictOf = ({ permits, forbids, errors }: Outcome): Verdict =>
  forbids.length > 0
    ? { allow: false, reasons: forbids, errors }
    : { allow: permits.length > 0, reasons: permits, errors }

export interface RunOutcome extends Outcome {
  /** Policies were reached that only cedar-wasm can evaluate. */
  readonly engine: boolean
  /** How many conditions were looked at. */
  readonly candidates: number
}

const NONE: string[] = []
const NO_ERRORS: PolicyFailure[] = []

/** What is collected while a question passes through the buckets. Lists are made when the first thing is put in. */
class Run implements RunOutcome {
  permits: string[] = NONE
  forbids: string[] = NONE
  errors: PolicyFailure[] = NO_ERRORS
  engine = false
  candidates = 0

  holds(policy: CompiledPolicy): void {
    if (policy.effect === 'permit') {
      if (this.permits === NONE) this.permits = [policy.id]
      else this.permits.push(policy.id)
    } else if (this.forbids === NONE) this.forbids = [policy.id]
    else this.forbids.push(policy.id)
  }

  /** > A policy whose evaluation results in an error is skipped. (Cedar, authorization semantics) */
  failed(policy: CompiledPolicy, error: unknown): void {
    if (!(error instanceof EvaluationFailure)) throw error
    const failure = { policy: policy.id, kind: error.kind, message: error.message }
    if (this.errors === NO_ERRORS) this.errors = [failure]
    else this.errors.push(failure)
  }
}

const runOne = (run: Run, policy: CompiledPolicy, question: CedarQuestion): void => {
  const { principal, resource } = policy
  if (!matchesEntity(principal, question.principal, question.principalEntity)) return
  if (!matchesEntity(resource, question.resource, question.resourceEntity)) return
  run.candidates++
  if (policy.engine !== undefined) {
    run.engine = true
    return
  }
  try {
    const { condition } = policy
    if (condition === undefined || condition(question)) run.holds(policy)
  } catch (error) {
    run.failed(policy, error)
  }
}

const runGroups = (run: Run, groups: readonly ActionGroup[], actions: Uint8Array, question: CedarQuestion): void => {
  for (let index = 0; index < groups.length; index++) {
    const group = groups[index] as ActionGroup
    if (actions[group.action] === 0) continue
    const { policies } = group
    for (let at = 0; at < policies.length; at++) runOne(run, policies[at] as CompiledPolicy, question)
  }
}

export type Program = (question: CedarQuestion) => RunOutcome

type Role = 'asPrincipal' | 'asResource'

/** INVARIANT: what an entity remembers is used only by the program that it is from. */
const remembered = (
  buckets: Buckets,
  entity: CedarEntity,
  role: Role,
  dimension: Dimension,
): readonly ActionGroup[] => {
  const known: Remembered | undefined = entity[role]
  if (known !== undefined && known.by === buckets.token) return known.what as readonly ActionGroup[]
  const what = groupsOf(dimension, entity.uid, entity)
  entity[role] = { by: buckets.token, what }
  return what
}

const rememberedAction = (buckets: Buckets, uid: Uid, entity: CedarEntity | undefined): Uint8Array => {
  if (entity === undefined) return actionMatches(buckets, uid, entity)
  const known = entity.asAction
  if (known !== undefined && known.by === buckets.token) return known.what as Uint8Array
  const what = actionMatches(buckets, uid, entity)
  entity.asAction = { by: buckets.token, what }
  return what
}

const programOf = (buckets: Buckets): Program => {
  const { principal, resource, rest } = buckets
  return (question) => {
    const run = new Run()
    const who = question.principalEntity
    const what = question.resourceEntity
    const actions = rememberedAction(buckets, question.action, question.actionEntity)
    const byWho =
      who === undefined
        ? groupsOf(principal, question.principal, who)
        : remembered(buckets, who, 'asPrincipal', principal)
    runGroups(run, byWho, actions, question)
    const byWhat =
      what === undefined
        ? groupsOf(resource, question.resource, what)
        : remembered(buckets, what, 'asResource', resource)
    runGroups(run, byWhat, actions, question)
    runGroups(run, rest, actions, question)
    return run
  }
}

export const linkProgram = (policies: readonly CompiledPolicy[]): Program => {
  const builder = new BucketBuilder()
  for (const policy of policies) builder.count(policy)
  for (const policy of policies) builder.place(policy)
  return programOf(builder.build())
}
