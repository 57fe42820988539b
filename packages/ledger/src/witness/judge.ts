/** Whether witnesses stand behind a checkpoint: counted by the policy of whoever asks, never by the log's own. */
import { refused } from '@credence/kit'
import { isSameKey, type NoteVerifier, type TlogPolicy, verifyCheckpoint } from '@credence/protocol/c2sp'

export interface Witnessed {
  readonly size: number
  /** Whether those who are independent of the log's operator are enough for the policy. */
  readonly enough: boolean
  /** Everybody of the policy who cosigned; `time` in seconds since the epoch. */
  readonly by: readonly { readonly name: string; readonly time: number; readonly independent: boolean }[]
}

export interface JudgeOptions {
  readonly policy: TlogPolicy
  /** Names, as in the policy, of witnesses that the log's own operator runs. */
  readonly own?: readonly string[]
  /** Epoch milliseconds: a cosignature from later than five minutes after this does not count. */
  readonly now: number
}

const AHEAD_MS = 300_000

/** The host in the name of a log or of a witness (by convention a URL without scheme). */
const hostOf = (name: string): string => name.split('/')[0]?.split(':')[0]?.toLowerCase() ?? ''

/**
 * A witness is the operator's own when the auditor says so, when its name has the host of the log, or when its key is the
 * log's.
 * INVARIANT: who is not independent never counts towards the quorum.
 */
const isOwn = (name: string, witness: NoteVerifier, log: NoteVerifier, { own = [] }: JudgeOptions): boolean =>
  own.includes(name) || hostOf(witness.name) === hostOf(log.name) || isSameKey(witness, log)

/** Throws `refused` when `own` names nobody: a name that was mistyped would let its witness count. */
export const mustNameWitnesses = ({ policy: { witnesses }, own = [] }: JudgeOptions): void => {
  const unknown = own.find((name) => !witnesses.some((witness) => witness.name === name))
  if (unknown === undefined) return
  const known = witnesses.map(({ name }) => name).join(', ')
  throw refused('witness_unknown', `The policy has no witness ${unknown}. It has: ${known}.`)
}

/** > The policy says that a checkpoint is considered valid if it is signed by any one of the listed logs. */
const mustBeListed = (log: NoteVerifier, { logs }: TlogPolicy): void => {
  if (logs.length === 0 || logs.some(({ verifier }) => verifier.name === log.name && isSameKey(verifier, log))) return
  throw refused('log_not_in_policy', `The policy of witnesses is for other logs than ${log.name}.`)
}

/** Throws `refused` when the log did not sign the checkpoint, a known signature is bad, or `own` names nobody. */
export const judgeWitnesses = (note: string, log: NoteVerifier, options: JudgeOptions): Witnessed => {
  const { witnesses, enough } = options.policy
  mustNameWitnesses(options)
  mustBeListed(log, options.policy)
  const { size, witnessed } = verifyCheckpoint(
    note,
    log,
    witnesses.map(({ verifier }) => verifier),
  )
  const by = witnessed.flatMap(({ witness, time }) => {
    const name = witnesses.find(({ verifier }) => verifier === witness)?.name
    if (name === undefined || time * 1000 > options.now + AHEAD_MS) return []
    return [{ name, time, independent: !isOwn(name, witness, log, options) }]
  })
  const independent = new Set(by.flatMap(({ name, independent }) => (independent ? [name] : [])))
  // NOTE: `quorum none` is always enough; without a single independent witness, or of an empty log, nothing was witnessed.
  return { size, enough: size > 0 && independent.size > 0 && enough(independent), by }
}
