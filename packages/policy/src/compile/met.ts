/**
 * What a program found for an entity, kept with the entity: where its policies lie and, once it was met often, the plan
 * that they leave.
 *
 * INVARIANT: it is used only by the program that it is from, and holds numbers only: nothing of an old version stays
 * alive because of it.
 */
import type { CedarQuestion } from './entities.ts'
import { type Groups, groupsOf, type Layout } from './layout.ts'
import { PRINCIPAL, RESOURCE } from './node.ts'
import { KNOWN_TRAITS, learnTraits, makePlan, type Plan, type Side } from './plan/plan.ts'
import type { Steps } from './plan/steps.ts'

export interface Met {
  readonly token: object
  readonly groups: Groups
  /** How often it was met; negative: it is not to have a plan for as long. */
  times: number
  /** The one that was used last, and others. */
  last: Made | undefined
  readonly made: Made[]
}

/** A plan is for one kind of question: which action constraints hold, and the type of the other side. */
interface Made {
  readonly actions: Uint8Array
  readonly type: string
  readonly plan: Plan
}

type Kind = Pick<Side, 'actions' | 'known' | 'question' | 'round'> & { readonly type: string }

/** More kinds of questions about one entity are evaluated policy by policy. */
const KINDS = 8

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
  private readonly rest: Met
  private readonly planned: Met[] = []
  private oldest = 0
  private used = 0

  /** `often`: how often an entity is met before it has a plan. */
  constructor(layout: Layout, steps: Steps, often: number) {
    this.layout = layout
    this.steps = steps
    this.often = often
    this.rest = this.met(layout.rest)
  }

  principal(question: CedarQuestion): Met | undefined {
    const entity = question.principalEntity
    if (entity === undefined) return undefined
    if (entity.asPrincipal?.token !== this.layout.token) {
      entity.asPrincipal = this.met(groupsOf(this.layout.byPrincipal, entity.uid, entity))
    }
    return entity.asPrincipal
  }

  resource(question: CedarQuestion): Met | undefined {
    const entity = question.resourceEntity
    if (entity === undefined) return undefined
    if (entity.asResource?.token !== this.layout.token) {
      entity.asResource = this.met(groupsOf(this.layout.byResource, entity.uid, entity))
    }
    return entity.asResource
  }

  principalPlan(question: CedarQuestion, actions: Uint8Array, round: number): Plan | undefined {
    const met = this.principal(question)
    if (met === undefined) return undefined
    const { type } = question.resource
    const { last } = met
    if (last !== undefined && last.actions === actions && last.type === type) return last.plan
    return this.plan(met, { actions, type, known: PRINCIPAL, question, round })
  }

  resourcePlan(question: CedarQuestion, actions: Uint8Array, round: number): Plan | undefined {
    const met = this.resource(question)
    if (met === undefined) return undefined
    const { type } = question.principal
    const { last } = met
    if (last !== undefined && last.actions === actions && last.type === type) return last.plan
    return this.plan(met, { actions, type, known: RESOURCE, question, round })
  }

  /** Of the policies that name neither principal nor resource. */
  restPlan(question: CedarQuestion, actions: Uint8Array, round: number): Plan | undefined {
    const { last } = this.rest
    if (last !== undefined && last.actions === actions) return last.plan
    return this.plan(this.rest, { actions, type: '', known: 0, question, round })
  }

  /** Of both entities what the other's policies ask. */
  learn(who: Plan, what: Plan, question: CedarQuestion, round: number): void {
    const { principalTraits, resourceTraits } = this.steps
    const { tests } = this.layout
    if (who[KNOWN_TRAITS] !== principalTraits.length) learnTraits(who, principalTraits, tests, question, round)
    if (what[KNOWN_TRAITS] !== resourceTraits.length) learnTraits(what, resourceTraits, tests, question, round)
  }

  private met(groups: Groups): Met {
    return { token: this.layout.token, groups, times: 0, last: undefined, made: [] }
  }

  private plan(met: Met, kind: Kind): Plan | undefined {
    const { actions, type } = kind
    const known = met.made.find((one) => one.actions === actions && one.type === type)
    if (known !== undefined) {
      met.last = known
      return known.plan
    }
    if (++met.times < this.often || met.made.length >= KINDS) return undefined
    const { policies, tests } = this.layout
    const plan = makePlan({ policies, tests, steps: this.steps, groups: met.groups, ...kind })
    met.times = plan === undefined ? NEVER : 0
    if (plan === undefined) return undefined
    met.last = { actions, type, plan }
    met.made.push(met.last)
    this.keep(met, plan.length)
    return plan
  }

  private keep(met: Met, length: number): void {
    this.planned.push(met)
    this.used += length
    while (this.used > ROOM && this.oldest < this.planned.length) this.giveUp(this.planned[this.oldest++] as Met)
    if (this.oldest * 2 <= this.planned.length) return
    this.planned.splice(0, this.oldest)
    this.oldest = 0
  }

  private giveUp(met: Met): void {
    for (const { plan } of met.made) this.used -= plan.length
    met.made.length = 0
    met.last = undefined
    met.times = NOT_SOON
  }
}
