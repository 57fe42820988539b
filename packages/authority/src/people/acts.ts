/**
 * An act of a person is one guarded call (guard's pipeline), with what they show in this very request as its evidence:
 * a session and the form that was made for it, a passkey, the answer of their provider.
 */
import type { Debt } from '@credence/guard'
import type { PersonId, SessionId } from '@credence/model'

/** Who stands before us, as far as the evidence says. */
export interface Shown {
  readonly person: PersonId
  readonly session?: SessionId
  /** False: known here, and suspended. Refused like somebody whose session was revoked, and recorded. */
  readonly stands: boolean
}

/** What they do. Ids and hashes only: it becomes the record. */
export interface ActOfPerson {
  readonly method: 'grant.allow' | 'grant.revoke' | 'person.enrol' | 'person.invite' | 'person.sign_in'
  /** What it is done to: a grant's id, a person's id. */
  readonly name: string
  readonly client?: string
  readonly grant?: string
  readonly facts?: { readonly [key: string]: string | number | boolean | null | readonly string[] }
}

/** What was read out of the request: the act, and what is needed to carry it out. */
export interface Wanted {
  readonly act: ActOfPerson
}

export interface PersonCall<Who extends Shown, What extends Wanted, Result> {
  /** Looks at the evidence, and uses up what counts once. Throws `refused` when it shows nobody. */
  readonly who: () => Promise<Who>
  /** Reads what is wanted. Changes nothing. */
  readonly what: (who: Who) => What | Promise<What>
  /**
   * Does it, in one batch. `debt` only for what takes authority away, when the ledger could not take the record: it is
   * committed with the act.
   */
  readonly carryOut: (what: What, debt: Debt | undefined) => Promise<Result>
}

/** When any step cannot answer: the act is refused and nothing has changed. */
export type ActsOfPeople = <Who extends Shown, What extends Wanted, Result>(
  call: PersonCall<Who, What, Result>,
) => Promise<Result>
