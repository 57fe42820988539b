/** Many policies as one indexed program. */
import { BucketBuilder } from './buckets.ts'
import type { CedarEntity, CedarQuestion } from './entities.ts'
import { runGroups } from './exact.ts'
import { actionMatches, groupsOf, type Layout, layOut } from './layout.ts'
import { Meetings, OFTEN } from './met.ts'
import { Cells } from './plan/cells.ts'
import { Follower } from './plan/follow.ts'
import { Steps } from './plan/steps.ts'
import type { CompiledPolicy } from './policy.ts'
import { atOnce, PORTION, type Portions } from './portions.ts'
import { countReached } from './reached.ts'
import { type Outcome, type PolicyFailure, Run, type RunOutcome } from './run.ts'

export type { Outcome, PolicyFailure, RunOutcome } from './run.ts'

export interface Verdict {
  readonly allow: boolean
  /** Determining policies: the forbids that hold, else the permits that hold. */
  readonly reasons: readonly string[]
  /** Policies that failed and were skipped. */
  readonly errors: readonly PolicyFailure[]
}

/** Default deny, forbid wins. */
export const verdictOf = ({ permits, forbids, errors }: Outcome): Verdict =>
  forbids.length > 0
    ? { allow: false, reasons: forbids, errors }
    : { allow: permits.length > 0, reasons: permits, errors }

/** INVARIANT: what an entity remembers is used only by the program that it is from. */
const actionsOf = (layout: Layout, question: CedarQuestion): Uint8Array => {
  const entity: CedarEntity | undefined = question.actionEntity
  if (entity === undefined) return actionMatches(layout, question.action, entity)
  if (entity.actionToken === layout.token) return entity.actionMatches
  entity.actionMatches = actionMatches(layout, entity.uid, entity)
  entity.actionToken = layout.token
  return entity.actionMatches
}

export interface Program {
  run(question: CedarQuestion): RunOutcome
  /** How many policies' scopes hold for this question: their conditions are what a decision costs. */
  reached(question: CedarQuestion): number
}

class Linked implements Program {
  private readonly layout: Layout
  private readonly meetings: Meetings
  private readonly follower: Follower
  /** INVARIANT: whoever asks while a question is evaluated, through entities of its own making, gets another one. */
  private idle: Run | undefined

  constructor(layout: Layout, often: number) {
    const { tests } = layout
    const cells = new Cells(tests)
    const steps = new Steps(tests, cells)
    this.layout = layout
    this.meetings = new Meetings(layout, steps, often)
    this.follower = new Follower(tests, cells)
    this.idle = new Run(layout.ids.length)
  }

  run(question: CedarQuestion): RunOutcome {
    const run = this.idle ?? new Run(this.layout.ids.length)
    this.idle = undefined
    try {
      const round = this.layout.tests.begin()
      const actions = actionsOf(this.layout, question)
      run.begin()
      const planned = this.planned(run, actions, question, round)
      if (!planned) {
        run.begin()
        this.exact(run, actions, question, round)
      }
      return run.outcome(this.layout.ids, planned)
    } finally {
      this.idle = run
    }
  }

  private planned(run: Run, actions: Uint8Array, question: CedarQuestion, round: number): boolean {
    const who = this.meetings.principalPlan(question, actions, round)
    const what = this.meetings.resourcePlan(question, actions, round)
    const rest = this.meetings.restPlan(question, actions, round)
    if (who === undefined || what === undefined || rest === undefined) return false
    const { follower, meetings } = this
    meetings.learn(who, what, question, round)
    follower.begin(who, what)
    if (!follower.forbids(who, run, question, round)) return false
    if (!follower.forbids(what, run, question, round)) return false
    if (!follower.forbids(rest, run, question, round)) return false
    const over = run.forbidden > 0
    return (
      follower.permits(who, run, over, question, round) &&
      follower.permits(what, run, over, question, round) &&
      follower.permits(rest, run, over, question, round)
    )
  }

  private groups(question: CedarQuestion) {
    const { layout, meetings } = this
    return [
      meetings.principal(question)?.groups ?? groupsOf(layout.byPrincipal, question.principal, undefined),
      meetings.resource(question)?.groups ?? groupsOf(layout.byResource, question.resource, undefined),
      layout.rest,
    ]
  }

  private exact(run: Run, actions: Uint8Array, question: CedarQuestion, round: number): void {
    for (const groups of this.groups(question)) runGroups(run, this.layout, groups, actions, question, round)
  }

  reached(question: CedarQuestion): number {
    const round = this.layout.tests.begin()
    const actions = actionsOf(this.layout, question)
    return countReached(this.layout, this.groups(question), actions, question, round)
  }
}

/** `often`: how often an entity is met before a plan is made for it. */
export function* linking(policies: readonly CompiledPolicy[], often: number = OFTEN): Portions<Program> {
  const builder = new BucketBuilder()
  for (const policy of policies) builder.count(policy)
  yield
  for (const [index, policy] of policies.entries()) {
    builder.place(policy)
    if (index % (PORTION * 10) === 0) yield
  }
  return new Linked(yield* layOut(builder.build()), often)
}

export const linkProgram = (policies: readonly CompiledPolicy[]): Program => atOnce(linking(policies))
