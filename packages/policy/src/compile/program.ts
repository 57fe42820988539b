/** Many policies as one indexed program. */
import { BucketBuilder } from './buckets.ts'
import type { CedarEntity, CedarQuestion } from './entities.ts'
import type { FailureKind } from './errors.ts'
import {
  ALWAYS,
  actionMatches,
  CONJUNCTS,
  COUNT,
  ENGINE,
  type Groups,
  groupsOf,
  type Layout,
  layOut,
  NAME,
  SCOPE,
} from './layout.ts'
import type { CompiledPolicy } from './policy.ts'
import { atOnce, PORTION, type Portions } from './portions.ts'
import { BITS, FAILED, WIDTH, YES } from './tests.ts'

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
  /** Left out where a forbid holds and all policies were evaluated: then they determine nothing. */
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

const NONE: readonly string[] = []
const NO_ERRORS: PolicyFailure[] = []

/** What is collected while a question passes through the groups; used again for the next one. */
class Run {
  readonly permits: Int32Array
  readonly forbids: Int32Array
  permitted = 0
  forbidden = 0
  errors: PolicyFailure[] = NO_ERRORS
  engine = false
  candidates = 0

  constructor(policies: number) {
    this.permits = new Int32Array(policies)
    this.forbids = new Int32Array(policies)
  }

  begin(): void {
    this.permitted = 0
    this.forbidden = 0
    this.errors = NO_ERRORS
    this.engine = false
    this.candidates = 0
  }

  holds(name: number): void {
    if ((name & 1) === 1) this.permits[this.permitted++] = name >> 1
    else this.forbids[this.forbidden++] = name >> 1
  }

  /** > A policy whose evaluation results in an error is skipped. (Cedar, authorization semantics) */
  failed(failure: PolicyFailure): void {
    if (this.errors === NO_ERRORS) this.errors = [failure]
    else this.errors.push(failure)
  }

  outcome(ids: readonly string[]): RunOutcome {
    const { forbidden, engine, errors, candidates } = this
    const permits = forbidden > 0 && !engine ? NONE : named(ids, this.permits, this.permitted)
    return { permits, forbids: named(ids, this.forbids, forbidden), errors, engine, candidates }
  }
}

/** A list that grows costs more than one of the right length. */
const named = (ids: readonly string[], numbers: Int32Array, count: number): readonly string[] => {
  if (count === 0) return NONE
  const first = ids[numbers[0] as number] as string
  if (count === 1) return [first]
  const list = Array<string>(count).fill(first)
  for (let index = 1; index < count; index++) list[index] = ids[numbers[index] as number] as string
  return list
}

const report = (run: Run, { tests, ids }: Layout, name: number, test: number): void => {
  const { kind, message } = tests.failure(test)
  run.failed({ policy: ids[name >> 1] as string, kind, message })
}

/** From `at` to `end` the policies of one group. What was asked before in this round is read where it is kept. */
const runGroup = (run: Run, layout: Layout, at: number, end: number, question: CedarQuestion, round: number): void => {
  const { policies, tests } = layout
  const { records } = tests
  const yes = (round << BITS) | YES
  while (at < end) {
    const scope = policies[at + SCOPE] as number
    const name = policies[at + NAME] as number
    const count = policies[at + COUNT] as number
    let conjunct = at + CONJUNCTS
    const next = conjunct + (count > 0 ? count : 0)
    at = next
    if (scope !== ALWAYS && records[scope * WIDTH] !== yes && tests.ask(scope, question, round) !== YES) continue
    run.candidates++
    if (count === ENGINE) {
      run.engine = true
      continue
    }
    // The first conjunct that is false or fails ends it.
    while (conjunct < next) {
      const test = policies[conjunct] as number
      if (records[test * WIDTH] !== yes) {
        const answer = tests.ask(test, question, round)
        if (answer === FAILED) report(run, layout, name, test)
        if (answer !== YES) break
      }
      conjunct++
    }
    if (conjunct === next) run.holds(name)
  }
}

const runGroups = (
  run: Run,
  layout: Layout,
  groups: Groups,
  actions: Uint8Array,
  question: CedarQuestion,
  round: number,
): void => {
  for (let group = 0; group < groups.length; group += 3) {
    if (actions[groups[group] as number] === 0) continue
    runGroup(run, layout, groups[group + 1] as number, groups[group + 2] as number, question, round)
  }
}

/** INVARIANT: what an entity remembers is used only by the program that it is from. */
const groupsOfPrincipal = (layout: Layout, question: CedarQuestion): Groups => {
  const entity = question.principalEntity
  if (entity === undefined) return groupsOf(layout.byPrincipal, question.principal, entity)
  if (entity.principalToken === layout.token) return entity.principalGroups
  entity.principalGroups = groupsOf(layout.byPrincipal, entity.uid, entity)
  entity.principalToken = layout.token
  return entity.principalGroups
}

const groupsOfResource = (layout: Layout, question: CedarQuestion): Groups => {
  const entity = question.resourceEntity
  if (entity === undefined) return groupsOf(layout.byResource, question.resource, entity)
  if (entity.resourceToken === layout.token) return entity.resourceGroups
  entity.resourceGroups = groupsOf(layout.byResource, entity.uid, entity)
  entity.resourceToken = layout.token
  return entity.resourceGroups
}

const actionsOf = (layout: Layout, question: CedarQuestion): Uint8Array => {
  const entity: CedarEntity | undefined = question.actionEntity
  if (entity === undefined) return actionMatches(layout, question.action, entity)
  if (entity.actionToken === layout.token) return entity.actionMatches
  entity.actionMatches = actionMatches(layout, entity.uid, entity)
  entity.actionToken = layout.token
  return entity.actionMatches
}

export type Program = (question: CedarQuestion) => RunOutcome

const programOf = (layout: Layout): Program => {
  const size = layout.ids.length
  // INVARIANT: whoever asks while a question is evaluated, through entities of its own making, gets another one.
  let idle: Run | undefined = new Run(size)
  return (question) => {
    const run = idle ?? new Run(size)
    idle = undefined
    try {
      run.begin()
      const round = layout.tests.begin()
      const actions = actionsOf(layout, question)
      runGroups(run, layout, groupsOfPrincipal(layout, question), actions, question, round)
      runGroups(run, layout, groupsOfResource(layout, question), actions, question, round)
      runGroups(run, layout, layout.rest, actions, question, round)
      return run.outcome(layout.ids)
    } finally {
      idle = run
    }
  }
}

export function* linking(policies: readonly CompiledPolicy[]): Portions<Program> {
  const builder = new BucketBuilder()
  for (const policy of policies) builder.count(policy)
  yield
  for (const [index, policy] of policies.entries()) {
    builder.place(policy)
    if (index % (PORTION * 10) === 0) yield
  }
  return programOf(yield* layOut(builder.build()))
}

export const linkProgram = (policies: readonly CompiledPolicy[]): Program => atOnce(linking(policies))
