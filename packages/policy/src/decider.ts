/** Effective rights: what the subject granted AND what Cedar permits. Default deny, forbid wins. */
import { type Clock, newId, type Random } from '@credence/kit'
import { type CallerFacts, type Decision, grantCovers, type Operation, sameParty } from '@credence/model'
import { reducesAuthority } from './authority-actions.ts'
import type { Verdict } from './compile/program.ts'
import { asking, joinDemands } from './demands/annotations.ts'
import { actsForItself, isAuthority, questionOf } from './facts/question.ts'
import { isPlainYes, observed } from './observe.ts'
import { askReason, notGranted, verdictReason } from './reason.ts'
import type { RegistryView } from './registry-view.ts'
import type { ShadowCheck } from './shadow.ts'
import type { PolicySnapshot } from './snapshot.ts'

export interface DeciderOptions {
  readonly snapshot: PolicySnapshot
  readonly registry: RegistryView
  readonly random: Random
  /** What `context.now` is; asked only where a policy reads the time. */
  readonly clock: Pick<Clock, 'now'>
  /** Issuer of this domain: its subjects are `Person::"usr_…"`, and `authority`, `<issuer>` and `<issuer>/v1` are the authority. */
  readonly issuer: string
  /**
   * Is what this operation on the authority is applied to the caller's own (the subject's grant or session, the
   * client's token, an agent of the person's team)? From rows, not from what the caller says. Absent: never.
   */
  readonly owns?: (operation: Operation, caller: CallerFacts) => boolean
  /**
   * Has the caller's task read what strangers wrote? From our own marks, one look into memory. Absent: nobody keeps marks, and a
   * guard without them calls no tool that would need one. `matters`: a policy of the set reads it, and the act
   * does not only take authority away; otherwise only what is known counts.
   */
  readonly untrusted?: (caller: CallerFacts, matters: boolean) => boolean
  /** Asks cedar-wasm about a sample of the same questions, off the path. */
  readonly shadow?: Pick<ShadowCheck, 'observe'>
  /** Evaluation that threw: the decision was refused; this is for the operator's log and counters. */
  readonly onError?: (error: unknown) => void
}

/** Fits guard's port `Decider`. */
export interface PolicyDecider {
  /** At once on the compiled engine, a promise on cedar-wasm. Never throws or rejects: what fails is refused. */
  decide(operation: Operation, caller: CallerFacts): Decision | Promise<Decision>
  /** From here on every decision uses this snapshot; one that has begun ends with the snapshot it began with. */
  activate(snapshot: PolicySnapshot): void
  readonly snapshot: PolicySnapshot
}

/** Name of the built-in rule that asks the grant. */
const GRANT = 'grant'
const FAILED = 'The decision could not be made, so the answer is no.'
const NOBODY: readonly string[] = []
const NO_OBLIGATIONS: Decision['obligations'] = []

/** Randomness in larger portions: sixteen bytes at a time cost more than the decision. */
const inPortions = (random: Random): Random => {
  let portion: Uint8Array = new Uint8Array(0)
  let used = 0
  return {
    bytes: (length) => {
      if (used + length > portion.length) {
        portion = random.bytes(4096)
        used = 0
      }
      used += length
      return portion.subarray(used - length, used)
    },
  }
}

const describe = (error: Verdict['errors'][number]): string => `${error.policy}: ${error.message}`

/** INVARIANT: what is decided on is the caller's own operation, of one domain. */
const belongsTo = (operation: Operation, caller: CallerFacts): boolean =>
  operation.domain === caller.domain && sameParty(operation.subject, caller.subject)

/**
 * Nobody's grant stands behind an agent that acts for itself: what it may do is for the policies alone to say.
 * INVARIANT: `context.granted` is never true of such an agent. The details of its token are its own request: they bind it
 * to certain tools, and give it none.
 */
const isBoundElsewhere = (caller: CallerFacts, covered: boolean, self: boolean): boolean =>
  !covered && !(self && caller.authorizationDetails.length === 0)

type Decide = (
  snapshot: PolicySnapshot,
  effect: Decision['effect'],
  policies: readonly string[],
  reason: string,
  errors?: readonly string[],
  obligations?: Decision['obligations'],
) => Decision

const decisions =
  (random: Random): Decide =>
  (snapshot, effect, policies, reason, errors = NOBODY, obligations = NO_OBLIGATIONS) => ({
    id: newId('dec', random),
    effect,
    policies,
    policyVersion: snapshot.version,
    reason,
    errors,
    obligations,
  })

const fromVerdict = (decide: Decide, snapshot: PolicySnapshot, verdict: Verdict, operation: Operation): Decision => {
  const { allow, reasons } = verdict
  const { ask, obligations } = joinDemands(reasons, snapshot.demands)
  return decide(
    snapshot,
    allow ? (ask ? 'pending' : 'granted') : 'refused',
    [...reasons].sort(),
    allow && ask ? askReason(asking(reasons, snapshot.demands), operation) : verdictReason(verdict, operation),
    verdict.errors.map(describe),
    obligations,
  )
}

export const createDecider = (options: DeciderOptions): PolicyDecider => {
  const decision = decisions(inPortions(options.random))
  let active = options.snapshot

  const failed = (snapshot: PolicySnapshot, error: unknown): Decision => {
    try {
      options.onError?.(error)
    } catch {
      // Whoever logs must not turn a refusal into something else.
    }
    return decision(snapshot, 'refused', NOBODY, FAILED, ['evaluation failed'])
  }

  const evaluate = (
    snapshot: PolicySnapshot,
    operation: Operation,
    caller: CallerFacts,
  ): Decision | Promise<Decision> => {
    if (!belongsTo(operation, caller)) throw new Error('operation and caller do not belong together')
    const authority = isAuthority(operation.resource, options.issuer)
    const covered = grantCovers(caller.authorizationDetails, operation)
    const self = actsForItself(caller)
    if (!authority && isBoundElsewhere(caller, covered, self)) {
      return decision(snapshot, 'refused', [GRANT], notGranted(caller.authorizationDetails, operation))
    }
    const granted = covered && !self
    const own = authority && (options.owns?.(operation, caller) ?? false)
    const matters = snapshot.contexts.reads('untrusted') && !(authority && reducesAuthority(operation.method))
    const untrusted = options.untrusted?.(caller, matters) === true
    const { question } = questionOf(operation, caller, { granted, own, untrusted }, snapshot, options)
    const view = authority ? 'authority' : 'everything'
    const answer = (verdict: Verdict): Decision => {
      options.shadow?.observe(snapshot, view, question, verdict)
      const given = fromVerdict(decision, snapshot, verdict, operation)
      const decided = untrusted ? { ...given, untrusted } : given
      if (authority || isPlainYes(decided)) return decided
      return observed(decided, verdict, operation, caller, options.registry)
    }
    const verdict = snapshot.evaluate(question, view)
    if (!(verdict instanceof Promise)) return answer(verdict)
    return verdict.then(answer, (error: unknown) => failed(snapshot, error))
  }

  return {
    decide: (operation, caller) => {
      const snapshot = active
      try {
        return evaluate(snapshot, operation, caller)
      } catch (error) {
        return failed(snapshot, error)
      }
    },
    activate: (snapshot) => {
      active = snapshot
    },
    get snapshot() {
      return active
    },
  }
}
