/**
 * Where every call goes: Presented -> Caller -> Operation -> Permit -> Intent -> Outcome.
 *
 * Each step takes the stage before it and nothing else can make that stage, so the order cannot be changed here
 * without the compiler, and nowhere without `release`, noticing.
 */
import { type Clock, type CredenceError, type Random, toCredenceError } from '@credence/kit'
import type { Authenticator, Revocations } from './ports.ts'
import { recordRefusal } from './record-refusal.ts'
import { authenticate } from './stages/caller.ts'
import { type RecordDeps, record } from './stages/intent.ts'
import { type MapStep, mapOperation } from './stages/operation.ts'
import { type Outcome, type ReleaseDeps, release, type Send } from './stages/outcome.ts'
import { type DecideDeps, decide } from './stages/permit.ts'
import { present } from './stages/presented.ts'

export interface PipelineDeps<Input> extends DecideDeps, Omit<RecordDeps, 'deadlineMs' | 'clock'>, ReleaseDeps {
  readonly authenticator: Authenticator<Input>
  readonly clock: Clock
  readonly random: Random
  readonly revocations: Pick<Revocations, 'lease' | 'renewed'>
  /** Milliseconds until an outcome must follow its intent. Default 60,000. */
  readonly deadlineMs?: number
}

export interface Call<Input, Result> {
  readonly input: Input
  /** Reads the message: what is wanted. Strict; throws `refused` for what it does not understand. */
  readonly map: MapStep
  /** Does it, or sends it on. Called at most once, and only after everything else said yes. */
  readonly send: Send<Result>
  readonly trace?: string
}

/** One guarded operation. Resolves with what `send` gave; throws `CredenceError` for every other end. */
export type Pipeline<Input> = <Result>(call: Call<Input, Result>) => Promise<Result>

export const createPipeline = <Input>(options: PipelineDeps<Input>): Pipeline<Input> => {
  const deps = { ...options, deadlineMs: options.deadlineMs ?? 60_000 }
  return async <Result>(call: Call<Input, Result>): Promise<Result> => {
    let outcome: Outcome<Result>
    try {
      const presented = present(call.input, call.trace)
      const caller = await authenticate(presented, deps)
      const operation = await mapOperation(caller, call.map, deps)
      const permit = await decide(operation, deps)
      const intent = await record(permit, deps)
      outcome = await release(intent, call.send, deps)
    } catch (cause) {
      throw refusedFor(cause, call.trace, deps)
    }
    if (outcome.failure !== undefined) throw outcome.failure
    return outcome.value as Result
  }
}

/** INVARIANT: whatever stops a call before its release is recorded as a refusal and stays a refusal. */
const refusedFor = (
  cause: unknown,
  trace: string | undefined,
  { recorder }: Pick<PipelineDeps<unknown>, 'recorder'>,
): CredenceError => {
  const error = toCredenceError(cause)
  recordRefusal(error, trace, recorder)
  return error
}
