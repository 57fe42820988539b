/**
 * Compiled policies, and those few that only cedar-wasm evaluates, as one that answers.
 *
 * INVARIANT: a policy is evaluated by exactly one of the two, and what each policy says is joined by Cedar's rule.
 */
import { type CedarLane, decidingLane, type NamedSet } from './cedar/lane.ts'
import { requestJson } from './cedar/question.ts'
import type { CedarQuestion } from './compile/entities.ts'
import { type CompiledPolicy, compilePolicy } from './compile/policy.ts'
import { inPortions, PORTION, type Portions } from './compile/portions.ts'
import { linking, type Outcome, type Verdict, verdictOf } from './compile/program.ts'
import { namedSet } from './named-set.ts'
import type { ReadPolicy } from './read.ts'
import type { EnginePolicy, PolicyInfo, PolicySnapshot, PolicyView } from './snapshot.ts'

type Engine = Pick<PolicySnapshot, 'engine' | 'inEngine' | 'evaluate' | 'candidates' | 'oracle'>

export type Authorize = CedarLane['authorize']

export interface Both {
  readonly info: PolicyInfo
  readonly compiled: CompiledPolicy
}

/** INVARIANT: no permit of a user is in the view `authority`. */
const inView = ({ origin, effect }: PolicyInfo, view: PolicyView): boolean =>
  view === 'everything' || origin === 'system' || effect === 'forbid'

/**
 * Permits and forbids are asked about apart: of a set with a forbid that holds, cedar-wasm does not say which permits
 * hold too.
 */
const askEngine = async (ask: Authorize, sets: readonly NamedSet[], question: CedarQuestion): Promise<Outcome> => {
  const request = requestJson(question)
  const [permits, forbids] = await Promise.all(sets.map((set) => ask(set, request)))
  return {
    permits: permits?.reasons ?? [],
    forbids: forbids?.reasons ?? [],
    errors: [...(permits?.errors ?? []), ...(forbids?.errors ?? [])],
  }
}

const joined = (a: Outcome, b: Outcome): Verdict =>
  verdictOf({
    permits: [...a.permits, ...b.permits],
    forbids: [...a.forbids, ...b.forbids],
    errors: [...a.errors, ...b.errors],
  })

interface Evaluator {
  evaluate(question: CedarQuestion): Verdict | Promise<Verdict>
  candidates(question: CedarQuestion): number
}

export function* evaluator(
  all: readonly Both[],
  view: PolicyView,
  version: string,
  ask: Authorize,
  often?: number,
): Portions<Evaluator> {
  const seen = all.filter(({ info }) => inView(info, view))
  const program = yield* linking(
    seen.map(({ compiled }) => compiled),
    often,
  )
  const left = seen.filter(({ compiled }) => compiled.engine !== undefined).map(({ info }) => info)
  const sets = (['permit', 'forbid'] as const).map((effect) =>
    namedSet(
      `${version} ${view} ${effect}`,
      left.filter((info) => info.effect === effect),
    ),
  )
  const evaluate = (question: CedarQuestion): Verdict | Promise<Verdict> => {
    const outcome = program.run(question)
    return outcome.engine
      ? askEngine(ask, sets, question).then((theirs) => joined(outcome, theirs))
      : verdictOf(outcome)
  }
  return { evaluate, candidates: (question: CedarQuestion): number => program.reached(question) }
}

export function* compileAll(policies: readonly ReadPolicy[]): Portions<Both[]> {
  const all: Both[] = []
  for (const info of policies) {
    all.push({ info, compiled: compilePolicy(info.id, info.effect, info.head, info.slots, info.body) })
    if (all.length % PORTION === 0) yield
  }
  return all
}

const leftOver = (all: readonly Both[]): EnginePolicy[] =>
  all.flatMap(({ info, compiled }) =>
    compiled.engine === undefined ? [] : [{ policy: info.id, reason: `it uses ${compiled.engine}` }],
  )

export const createEngine = async (policies: readonly ReadPolicy[], version: string): Promise<Engine> => {
  const ask: Authorize = (set, request) => decidingLane.authorize(set, request)
  const all = await inPortions(compileAll(policies))
  const views = {
    everything: await inPortions(evaluator(all, 'everything', version, ask)),
    authority: await inPortions(evaluator(all, 'authority', version, ask)),
  }
  const oracles = new Map<PolicyView, NamedSet>()
  const oracle = (view: PolicyView): NamedSet => {
    const known = oracles.get(view)
    if (known !== undefined) return known
    const infos = all.flatMap(({ info }) => (inView(info, view) ? [info] : []))
    const made = namedSet(`${version} ${view}`, infos)
    oracles.set(view, made)
    return made
  }
  const inEngine = leftOver(all)
  return {
    engine: inEngine.length === 0 ? 'compiled' : 'mixed',
    inEngine,
    evaluate: (question, view) => views[view].evaluate(question),
    candidates: (question, view) => views[view].candidates(question),
    oracle,
  }
}
