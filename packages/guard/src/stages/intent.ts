/** That it will happen, durable before it happens. */
import { type Clock, isCredenceError, unavailable } from '@credence/kit'
import type { CallerFacts } from '@credence/model'
import { defined } from '../defined.ts'
import type { Commitments, Debt, NewIntent, Outbox, Recorder } from '../ports.ts'
import { about } from '../refusal.ts'
import { forged, reused } from './forged.ts'
import type { FrozenOperation } from './operation.ts'
import { isPermit, type Permit, usePermit } from './permit.ts'
import { createSeal } from './seal.ts'

const INTENT: unique symbol = Symbol('intent')

export interface Intent {
  readonly [INTENT]: true
  readonly permit: Permit
  /** Id of the record. */
  readonly id: string
  /** Index of its leaf; absent when it is owed. */
  readonly index: number | undefined
  /** The record that the act itself must commit, because the ledger could not take it. */
  readonly debt: Debt | undefined
}

export interface RecordDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly recorder: Recorder
  /** A bounded local spool for what is not consequential. Without one everything goes to `recorder`. */
  readonly spool?: Recorder | undefined
  readonly outbox?: Outbox | undefined
  readonly commitments?: Commitments | undefined
  /** Milliseconds until an outcome must follow. */
  readonly deadlineMs: number
}

const seal = createSeal()

export const isIntent = (value: object): boolean => seal.isOn(value)

/** True once: an intent is released once. */
export const useIntent = (intent: Intent): boolean => seal.use(intent)

/** INVARIANT: when this returns for a consequential operation, its record is durable, or the act owes it. */
export const record = async (permit: Permit, deps: RecordDeps): Promise<Intent> => {
  if (!isPermit(permit)) throw forged('permit')
  if (!usePermit(permit)) throw reused('permit')
  const entry = await intentOf(permit, deps)
  const written = await durable(entry, permit.asked, deps)
  const stage: Intent = { [INTENT]: true, permit, ...written }
  return Object.freeze(seal.put(stage, undefined))
}

const durable = async (
  entry: NewIntent,
  asked: FrozenOperation,
  deps: RecordDeps,
): Promise<Pick<Intent, 'id' | 'index' | 'debt'>> => {
  const recorder = asked.operation.consequential ? deps.recorder : (deps.spool ?? deps.recorder)
  try {
    const { id, index } = await recorder.intent(entry)
    return { id, index, debt: undefined }
  } catch (cause) {
    if (asked.reduces && deps.outbox !== undefined) {
      const debt = await deps.outbox.owe(entry)
      return { id: debt.id, index: undefined, debt }
    }
    throw notRecorded(cause, asked)
  }
}

/** DESIGN: if the ledger cannot, the operation is refused; whatever the reason was, it is ours and not the caller's. */
const notRecorded = (cause: unknown, { operation, caller }: FrozenOperation) =>
  about(
    isCredenceError(cause) && cause.kind === 'unavailable'
      ? cause
      : unavailable('recorder_unavailable', 'The operation could not be recorded, so it was not done.', {
          detail: String(cause),
          cause,
        }),
    { operation, caller: caller.facts },
  )

const intentOf = async (permit: Permit, deps: RecordDeps): Promise<NewIntent> => {
  const { operation, caller, facts, concerns } = permit.asked
  const args = await deps.commitments?.commit(operation)
  return {
    kind: 'intent',
    operation: operation.id,
    op: operation.op,
    resource: operation.resource,
    method: operation.method,
    name: operation.name,
    subject: operation.subject,
    actors: actorsForRecord(caller.facts),
    client: concerns?.client ?? caller.facts.clientId,
    proof: caller.facts.proof,
    decision: decisionForRecord(permit.decision),
    deadline: deps.clock.now() + deps.deadlineMs,
    ...defined({
      definition: operation.definitionHash,
      args,
      jkt: caller.facts.jkt,
      token: caller.facts.tokenHash,
      jti: caller.facts.tokenId,
      grant: concerns?.grant ?? caller.facts.grant,
      txn: caller.facts.txn,
      trace: caller.presented.trace,
      facts,
    }),
  }
}

export const actorsForRecord = (caller: CallerFacts): NewIntent['actors'] =>
  caller.actors.map(({ party, agent, owner }) => ({
    ...(agent === undefined ? {} : { agent }),
    iss: party.iss,
    ...(owner === undefined ? {} : { owner }),
    sub: party.sub,
  }))

export const decisionForRecord = (decision: Permit['decision']): NewIntent['decision'] => ({
  id: decision.id,
  policies: decision.policies,
  reason: decision.reason,
  version: decision.policyVersion,
  ...(decision.by === undefined ? {} : { by: decision.by }),
  ...(decision.observed === undefined ? {} : { observed: decision.observed }),
  ...(decision.untrusted === undefined ? {} : { untrusted: decision.untrusted }),
  ...(decision.obligations.length === 0 ? {} : { obligations: decision.obligations.map(({ type }) => type) }),
  ...(decision.errors.length === 0 ? {} : { errors: decision.errors }),
})
