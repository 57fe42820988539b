/**
 * What was known about a call when it was refused: for the record, and for the door that words the answer.
 * Kept beside the error, not in it, so that nothing of it can be printed or sent by accident.
 */
import { type CredenceError, toCredenceError } from '@credence/kit'
import type { CallerFacts, Decision, Operation } from '@credence/model'

export interface RefusalFacts {
  readonly caller?: CallerFacts
  readonly operation?: Operation
  readonly decision?: Decision
  /** What to ask for at the authorization server so that the same call may succeed. */
  readonly scope?: readonly string[]
}

const known = new WeakMap<object, RefusalFacts>()

/** Adds to what is known about a refusal; the first word about a fact stays. */
export const about = (error: CredenceError, facts: RefusalFacts): CredenceError => {
  known.set(error, { ...facts, ...known.get(error) })
  return error
}

export const refusalFacts = (error: object): RefusalFacts => known.get(error) ?? {}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'

/** Runs a step; what it throws is remembered with what was known when it ran. */
export const knowing = <T>(facts: RefusalFacts, step: () => T | Promise<T>): T | Promise<T> => {
  const remember = (cause: unknown): never => {
    throw about(toCredenceError(cause), facts)
  }
  try {
    const done = step()
    return isThenable(done) ? Promise.resolve(done).catch(remember) : done
  } catch (cause) {
    return remember(cause)
  }
}
