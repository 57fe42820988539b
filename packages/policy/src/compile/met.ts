/**
 * What a program found for an entity, kept with the entity: where its policies lie and, once it was met often, the plan
 * that they leave.
 *
 * INVARIANT: it is used only by the program that it is from, and holds numbers only: nothing of an old version stays
 * alive because of it.
 */
import type { CedarEntity, CedarQuestion } from './entities.ts'
import { type Groups, groupsOf, type Layout, type Lookup } from './layout.ts'
import { PRINCIPAL, RESOURCE } from './node.ts'
import { makePlan, type Plan } from './plan/plan.ts'
import type { Steps } from './plan/steps.ts'

export interface Met {
  readonly token: object
  readonly groups: Groups
  /** How often it was met; negative: it is not to have a plan for as long. */
  times: number
  plan: Plan | undefined
}

/** Making a plan costs as much as some tens of decisions, so an entity that comes once gets none. */
export const OFTEN = 16
const NEVER = -(2 ** 30)
/** Numbers of all plans of one program: 16 MB. Beyond it the oldest are given up, and not made again soon. */
const ROOM = 4 * 2 ** 20
const NOT_SOON = -1000

export class Meetings {
  private readonly layout: Layout
  private readonly steps: Steps
  private readonly often: number
  private readonly planned: Met[] = []
  private oldest = 0
  private used = 0

  /** `often`: how often an entity is met before it has a plan. */
  constructor(layout: Layout, steps: Steps, often: number) {
    this.layout = layout
    this.steps = steps
    this.often = often
  }

  principal(question: CedarQuestion): Met | undefined {
    const entity = question.principalEntity
    if (entity === undefined) return undefined
    if (entity.asPrincipal?.token !== this.layout.token) entity.asPrincipal = this.met(this.layout.byPrincipal, entity)
    return entity.asPrincipal
  }

  resource(question: CedarQuestion): Met | undefined {
    const entity = question.resourceEntity
    if (entity === undefined) return undefined
    if (entity.asResource?.token !== this.layout.token) entity.asResource = this.met(this.layout.byResource, entity)
    return entity.asResource
  }

  principalPlan(question: CedarQuestion, round: number): Plan | undefined {
    const met = this.principal(question)
    return met?.plan ?? this.plan(met, PRINCIPAL, question, round)
  }

  resourcePlan(question: CedarQuestion, round: number): Plan | undefined {
    const met = this.resource(question)
    return met?.plan ?? this.plan(met, RESOURCE, question, round)
  }

  private met(lookup: Lookup, entity: CedarEntity): Met {
    return { token: this.layout.token, groups: groupsOf(lookup, entity.uid, entity), times: 0, plan: undefined }
  }

  private plan(met: Met | undefined, known: number, question: CedarQuestion, round: number): Plan | undefined {
    if (met === undefined || ++met.times < this.often) return undefined
    const { policies, tests } = this.layout
    met.plan = makePlan({ policies, tests, steps: this.steps, groups: met.groups, known, question, round })
    if (met.plan === undefined) met.times = NEVER
    else this.keep(met, met.plan)
    return met.plan
  }

  private keep(met: Met, plan: Plan): void {
    this.planned.push(met)
    this.used += plan.length
    while (this.used > ROOM && this.oldest < this.planned.length) {
      const given = this.planned[this.oldest++] as Met
      this.used -= given.plan?.length ?? 0
      given.plan = undefined
      given.times = NOT_SOON
    }
    if (this.oldest * 2 <= this.planned.length) return
    this.planned.splice(0, this.oldest)
    this.oldest = 0
  }
}
