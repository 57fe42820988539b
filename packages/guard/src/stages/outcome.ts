/** Release, once, of exactly what was decided on; then the record of how it went. */
import { type Clock, type CredenceError, refused, toCredenceError, unavailable } from '@credence/kit'
import type { CallerFacts, Decision, Operation } from '@credence/model'
import type { Debt, NewOutcome, Recorder, Revocations, Tasks, UpstreamCredential } from '../ports.ts'
import { about } from '../refusal.ts'
import { notRevoked } from './caller.ts'
import { forged, reused } from './forged.ts'
import { type Intent, isIntent, useIntent } from './intent.ts'
import { bytesDecidedOn, type FrozenOperation } from './operation.ts'
import { createSeal } from './seal.ts'

const OUTCOME: unique symbol = Symbol('outcome')
const WIRE: unique symbol = Symbol('wire')

/** Bytes that were decided on. A transport that takes `Wire` cannot be handed anything else. */
export type Wire = Uint8Array & { readonly [WIRE]: true }

/** Everything that `send` gets. */
export interface Release {
  readonly operation: Operation
  readonly caller: CallerFacts
  readonly decision: Decision
  /** Id of the intent's record. */
  readonly intent: string
  readonly wire: Wire | undefined
  /** For the upstream only; the caller's own token is not among them. */
  readonly headers: Readonly<Record<string, string>>
  /** Present only when the ledger could not take the intent of a reducing act: commit it with the act. */
  readonly debt: Debt | undefined
  /** For a `send` that had to wait before anything leaves: asks the last question again; throws when the answer is no. */
  readonly stillStands: () => void
}

export interface Completion {
  readonly status: NewOutcome['status']
  readonly code?: string
  /** Hash of the result. */
  readonly result?: string
  readonly facts?: NonNullable<NewOutcome['facts']>
}

export interface Sent<Result> {
  readonly value: Result
  /** Settles when the answer has ended; a stream may outlive the return of `send`. Default: done. */
  readonly completion?: Completion | Promise<Completion>
}

export type Send<Result> = (release: Release) => Sent<Result> | Promise<Sent<Result>>

export interface Outcome<Result> {
  readonly [OUTCOME]: true
  readonly intent: Intent
  /** What `send` threw after the release; the operation may or may not have happened. */
  readonly failure: CredenceError | undefined
  readonly value: Result | undefined
}

export interface ReleaseDeps {
  readonly clock: Clock
  readonly recorder: Recorder
  readonly spool?: Recorder | undefined
  readonly revocations: Pick<Revocations, 'lease' | 'renewed'>
  readonly credentials?: UpstreamCredential | undefined
  /** Without it nothing is read that the registry labels as written by strangers. */
  readonly tasks?: Tasks | undefined
  /** The tolerance that the authenticator grants, so that both draw the same border. Default 5. */
  readonly skewSeconds?: number | undefined
}

const wires = createSeal()

/** For a transport that wants to be sure although types are stripped. */
export const isWire = (value: object): value is Wire => wires.isOn(value)

/** INVARIANT: an intent is released at most once, and only while its caller still stands. */
export const release = async <Result>(
  intent: Intent,
  send: Send<Result>,
  deps: ReleaseDeps,
): Promise<Outcome<Result>> => {
  if (!isIntent(intent)) throw forged('intent')
  if (!useIntent(intent)) throw reused('intent')
  const prepared = await prepare(intent, deps)
  const started = deps.clock.monotonic()
  try {
    const sent = await send(prepared)
    follow(sent.completion ?? { status: 'done' }, intent, started, deps)
    return finished(intent, sent.value, undefined)
  } catch (cause) {
    const failure = toCredenceError(cause)
    close(intent, { status: failure.kind === 'refused' ? 'failed' : 'unknown', code: failure.code }, started, deps)
    return finished<Result>(intent, undefined, failure)
  }
}

const finished = <Result>(
  intent: Intent,
  value: Result | undefined,
  failure: CredenceError | undefined,
): Outcome<Result> => Object.freeze({ [OUTCOME]: true as const, intent, value, failure })

/** Gathers what `send` needs, then asks once more. INVARIANT: nothing is awaited between the last question and `send`. */
const prepare = async (intent: Intent, deps: ReleaseDeps): Promise<Release> => {
  const { asked, decision } = intent.permit
  const { operation, caller } = asked
  try {
    if (operation.labels.untrusted === true) await marked(caller.facts, deps.tasks)
    const headers =
      deps.credentials === undefined ? NO_HEADERS : await credential(operation, caller.facts, deps.credentials)
    if (!suffices(deps.revocations.lease(), needsFresh(asked))) await deps.revocations.renewed?.()
    stillStands(intent, deps)
    return Object.freeze({
      operation,
      caller: caller.facts,
      decision,
      intent: intent.id,
      wire: wireOf(bytesDecidedOn(asked)),
      headers,
      debt: intent.debt,
      stillStands: () => stillStands(intent, deps),
    })
  } catch (cause) {
    const failure = about(toCredenceError(cause), { operation, caller: caller.facts, decision })
    close(intent, { status: 'failed', code: failure.code }, deps.clock.monotonic(), deps)
    throw failure
  }
}

/** INVARIANT: what strangers wrote is read only in a task that is marked, so that not a byte of it comes before the mark. */
const marked = async (caller: CallerFacts, tasks: Tasks | undefined): Promise<void> => {
  if (tasks === undefined)
    throw refused(
      'task_unmarkable',
      'This tool returns what strangers wrote, and nobody here remembers which tasks have read it, so it is not called.',
    )
  try {
    await tasks.mark(caller)
  } catch (cause) {
    throw unavailable('task_unmarked', 'It could not be remembered that this task reads what strangers wrote.', {
      detail: String(cause),
      cause,
    })
  }
}

const wireOf = (bytes: Uint8Array | undefined): Wire | undefined => {
  if (bytes === undefined) return undefined
  const wire = wires.put(bytes, undefined)
  return isWire(wire) ? wire : undefined
}

const NO_HEADERS = Object.freeze({})

const credential = async (
  operation: Operation,
  caller: CallerFacts,
  credentials: UpstreamCredential,
): Promise<Readonly<Record<string, string>>> => {
  try {
    return await credentials.headersFor(operation, caller)
  } catch (cause) {
    throw unavailable('credential_unavailable', 'The credential for the upstream cannot be had.', { cause })
  }
}

/** The last question before anything leaves: not revoked, not expired, and this node knows the newest revocations. */
const stillStands = ({ permit }: Intent, deps: ReleaseDeps): void => {
  const { caller } = permit.asked
  notRevoked(caller.facts, caller.revocation)
  notExpired(caller.facts, deps)
  holdsLease(deps.revocations.lease(), needsFresh(permit.asked))
}

const notExpired = (caller: CallerFacts, { clock, skewSeconds = 5 }: ReleaseDeps): void => {
  if (clock.now() < (caller.expiresAt + skewSeconds) * 1000) return
  throw refused('token_expired', 'The token has expired.', { status: 401, standard: 'invalid_token' })
}

const needsFresh = ({ operation, reduces }: FrozenOperation): boolean => operation.consequential && !reduces

/** DESIGN 8.4: without a fresh lease consequential calls are refused at once, others when it is lost. */
const suffices = (lease: ReturnType<Revocations['lease']>, fresh: boolean): boolean =>
  lease === 'fresh' || (lease === 'stale' && !fresh)

const holdsLease = (lease: ReturnType<Revocations['lease']>, fresh: boolean): void => {
  if (suffices(lease, fresh)) return
  throw unavailable('lease_lost', 'Revocations cannot be checked at the moment.', { headers: { 'Retry-After': '1' } })
}

const follow = (
  completion: Completion | Promise<Completion>,
  intent: Intent,
  started: number,
  deps: ReleaseDeps,
): void => {
  if (completion instanceof Promise) {
    completion.then(
      (done) => close(intent, done, started, deps),
      (cause) => close(intent, { status: 'unknown', code: toCredenceError(cause).code }, started, deps),
    )
  } else close(intent, completion, started, deps)
}

const close = (intent: Intent, { status, code, result, facts }: Completion, started: number, deps: ReleaseDeps) => {
  const { operation } = intent.permit.asked
  const recorder = operation.consequential ? deps.recorder : (deps.spool ?? deps.recorder)
  recorder.outcome({
    kind: 'outcome',
    intent: intent.id,
    operation: operation.id,
    status,
    ms: Math.round(deps.clock.monotonic() - started),
    ...(code === undefined ? {} : { code }),
    ...(result === undefined ? {} : { result }),
    ...(facts === undefined ? {} : { facts }),
  })
}
