/** A yes to one operation. A refusal or an open question never becomes a Permit. */
import { type CredenceError, isCredenceError, refused, unavailable } from '@credence/kit'
import { type CallerFacts, type Decision, type Operation, tokenCovers } from '@credence/model'
import { deepFreeze } from '../freeze.ts'
import type { Decider, Obligations } from '../ports.ts'
import { about, knowing } from '../refusal.ts'
import { forged, reused } from './forged.ts'
import { type FrozenOperation, isFrozenOperation, useOperation } from './operation.ts'
import { createSeal } from './seal.ts'

const PERMIT: unique symbol = Symbol('permit')

export interface Permit {
  readonly [PERMIT]: true
  readonly asked: FrozenOperation
  readonly decision: Decision
}

export interface DecideDeps {
  readonly decider: Decider
  readonly obligations?: Obligations | undefined
}

const seal = createSeal()

export const isPermit = (value: object): boolean => seal.isOn(value)

/** True once: a permit counts for one intent. */
export const usePermit = (permit: Permit): boolean => seal.use(permit)

/** Rights are what the token carries AND what the policy says: the token's limits are checked before anybody is asked. */
export const decide = async (asked: FrozenOperation, deps: DecideDeps): Promise<Permit> => {
  if (!isFrozenOperation(asked)) throw forged('operation')
  if (!useOperation(asked)) throw reused('operation')
  const { operation, caller } = asked
  carriesScope(asked)
  withinGrant(asked)
  const known = { operation, caller: caller.facts }
  const decision = deepFreeze(await knowing(known, () => ask(deps.decider, operation, caller.facts)))
  const unmet = await meetAll(decision, asked, deps.obligations)
  mustBeGranted(decision, asked)
  if (unmet !== undefined)
    throw about(refused('obligation_unmet', `The decision demands "${unmet.type}", which cannot be met here.`), {
      decision,
      operation,
      caller: caller.facts,
    })
  const stage: Permit = { [PERMIT]: true, asked, decision }
  return Object.freeze(seal.put(stage, undefined))
}

/** RFC 6750 section 3.1: `insufficient_scope`, with all scopes of this operation at once (MCP authorization, step-up). */
const carriesScope = (asked: FrozenOperation): void => {
  const { facts } = asked.caller
  if (asked.scope.every((scope) => facts.scope.includes(scope))) return
  throw insufficient(asked, 'scope_insufficient', 'The token does not carry the scope that this needs.')
}

/** RFC 9396: a token that says what was allowed allows nothing else. */
const withinGrant = (asked: FrozenOperation): void => {
  if (tokenCovers(asked.caller.facts, asked.operation)) return
  throw insufficient(asked, 'grant_insufficient', `What was allowed does not cover ${wanted(asked.operation)}.`)
}

/** Foreign text, so that it is bounded and cannot end its quotes. */
const wanted = ({ method, name }: Operation): string =>
  name === '' ? method : `${method} of ${JSON.stringify(name.slice(0, 100))}`

const insufficient = ({ caller, operation, scope }: FrozenOperation, code: string, message: string): CredenceError =>
  about(refused(code, message, { status: 403, standard: 'insufficient_scope' }), {
    caller: caller.facts,
    operation,
    scope,
  })

/** INVARIANT: whatever goes wrong while asking is a refusal; only an answer in the agreed form can be a yes. */
const ask = async (decider: Decider, operation: Operation, caller: CallerFacts): Promise<Decision> => {
  try {
    return inAgreedForm(await decider.decide(operation, caller))
  } catch (cause) {
    if (isCredenceError(cause)) throw cause
    throw noDecision(String(cause), cause)
  }
}

const noDecision = (detail: string, cause?: unknown): CredenceError =>
  unavailable('decider_unavailable', 'No decision could be made, so the answer is no.', { detail, cause })

const EFFECTS: readonly unknown[] = ['granted', 'refused', 'pending'] satisfies Decision['effect'][]

const inAgreedForm = (decision: Decision | undefined | null): Decision => {
  if (decision && EFFECTS.includes(decision.effect) && Array.isArray(decision.obligations)) return decision
  throw noDecision('the decider answered nonsense')
}

/** The seam for approvals: what would have to be approved is named by its hash, the same for every try. */
const unasked = ({ reason }: Decision, { op }: Operation): string =>
  `${reason} Nobody can be asked here, since no approvals are connected, so it was not done (operation ${op}).`

const mustBeGranted = (decision: Decision, { operation, caller }: FrozenOperation): void => {
  const facts = { decision, operation, caller: caller.facts }
  if (decision.effect === 'pending') throw about(refused('approval_required', unasked(decision, operation)), facts)
  if (decision.effect !== 'granted') throw about(refused('policy_refused', decision.reason), facts)
}

/**
 * The first obligation that was not met. Each of them is tried, those of a refusal too: a notification goes out although
 * something else cannot be done (AuthZEN Profile for Obligations, draft 1, PEP compliance).
 */
const meetAll = async (
  { effect, obligations: demanded }: Decision,
  { operation, caller }: FrozenOperation,
  obligations: Obligations | undefined,
): Promise<Decision['obligations'][number] | undefined> => {
  if (effect === 'pending') return undefined
  let unmet: Decision['obligations'][number] | undefined
  for (const obligation of demanded) {
    const done = await meets(obligations, obligation, operation, caller.facts)
    if (!done) unmet ??= obligation
  }
  return unmet
}

/** Milliseconds for one obligation. */
const OBLIGATION_MS = 5_000

/** INVARIANT: an obligation that nobody here knows, that cannot be met, or not in time, denies. */
const meets = async (
  obligations: Obligations | undefined,
  obligation: Decision['obligations'][number],
  operation: Operation,
  caller: CallerFacts,
): Promise<boolean> => {
  if (obligations === undefined) return false
  let late: NodeJS.Timeout | undefined
  try {
    const tooLate = new Promise<false>((resolve) => {
      late = setTimeout(() => resolve(false), OBLIGATION_MS)
    })
    return (await Promise.race([obligations.met(obligation, operation, caller), tooLate])) === true
  } catch {
    return false
  } finally {
    clearTimeout(late)
  }
}
