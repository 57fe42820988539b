/**
 * A witness (C2SP tlog-witness v1.0.0, add-checkpoint and monitor retrieval): it cosigns a checkpoint of a log that it
 * knows if that log has only appended since the last one it cosigned. It sees sizes and hashes, never an entry.
 */
import { createHash } from 'node:crypto'
import { type Clock, isCredenceError } from '@credence/kit'
import {
  type AddCheckpoint,
  type Cosigner,
  cosign,
  formatCosignatures,
  formatNote,
  type NoteVerifier,
  onlyAppends,
  parseAddCheckpoint,
  parseCheckpoint,
  parseNote,
  SIZE_TYPE,
  verifyNote,
} from '@credence/protocol/c2sp'

/** What a witness cosigned last of one log. */
export interface WitnessedHead {
  readonly size: number
  readonly root: Uint8Array
  /** The checkpoint with the log's signature and ours. */
  readonly note: string
}

export interface WitnessStore {
  latest(origin: string): Promise<WitnessedHead | undefined>
  /**
   * Durable before it resolves. Answers false, and changes nothing, when the latest is no longer `before` (size and root):
   * the check and the change are one step, also for another process. `note`: a checkpoint of this log, cosigned.
   */
  replace(origin: string, before: WitnessedHead | undefined, note: string): Promise<boolean>
}

export interface WitnessOptions {
  readonly cosigner: Cosigner
  /** Keys of the logs that it serves; several of one name are keys of one log. */
  readonly logs: readonly NoteVerifier[]
  readonly store: WitnessStore
  readonly clock: Pick<Clock, 'now'>
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly type: string
  readonly body: string
}

export interface Witness {
  /** Answers `POST add-checkpoint`; never throws for what was sent. */
  addCheckpoint(body: string): Promise<WitnessAnswer>
  /** Answers `GET <origin hash>/checkpoint`; undefined when it never cosigned that log. */
  checkpoint(originHash: string): Promise<string | undefined>
}

const PLAIN = 'text/plain; charset=utf-8'
const answer = (status: WitnessAnswer['status'], body: string, type = PLAIN): WitnessAnswer => ({ status, type, body })
const conflict = (size: number): WitnessAnswer => answer(409, `${size}\n`, SIZE_TYPE)

/** Lower-case hex of SHA-256: how a log is named in a path. */
export const originHash = (origin: string): string => createHash('sha256').update(origin).digest('hex')

interface Submitted extends AddCheckpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  /** The signed text and the signatures of the log's own keys; nobody else's is kept. */
  readonly text: string
  readonly signatures: ReturnType<typeof parseNote>['signatures']
}

const parse = (body: string): Submitted | WitnessAnswer => {
  try {
    const request = parseAddCheckpoint(body)
    const { text, signatures } = parseNote(request.checkpoint)
    return { ...request, ...parseCheckpoint(text), text, signatures }
  } catch (error) {
    if (isCredenceError(error)) return answer(400, `${error.message}\n`)
    throw error
  }
}

/** > 403 if no signature from a trusted key is present, or one that matches a trusted key fails to verify. */
const signedByLog = (submitted: Submitted, logs: readonly NoteVerifier[]): Submitted | WitnessAnswer => {
  const trusted = logs.filter(({ name }) => name === submitted.origin)
  if (trusted.length === 0) return answer(404, 'This log is not known here.\n')
  try {
    verifyNote(submitted.checkpoint, trusted)
  } catch (error) {
    if (isCredenceError(error)) return answer(403, `${error.message}\n`)
    throw error
  }
  const own = ({ name, keyId }: { name: string; keyId: number }): boolean =>
    trusted.some((key) => key.name === name && key.keyId === keyId)
  return { ...submitted, signatures: submitted.signatures.filter(own) }
}

export const createWitness = ({ cosigner, logs, store, clock }: WitnessOptions): Witness => {
  const cosigned = async (submitted: Submitted): Promise<WitnessAnswer> => {
    const { origin, size, text, signatures, oldSize } = submitted
    if (oldSize > size) return answer(400, 'The old size is above the size of the checkpoint.\n')
    const latest = await store.latest(origin)
    if (oldSize !== (latest?.size ?? 0)) return conflict(latest?.size ?? 0)
    if (!onlyAppends(submitted, submitted, latest))
      return answer(422, 'The checkpoint does not follow from the last one.\n')
    const cosignature = cosign(text, cosigner, Math.floor(clock.now() / 1000))
    const note = formatNote({ text, signatures: [...signatures, cosignature] })
    // INVARIANT: what we cosigned is on disk before anybody has the signature.
    if (!(await store.replace(origin, latest, note))) {
      return conflict((await store.latest(origin))?.size ?? 0)
    }
    return answer(200, formatCosignatures([cosignature]))
  }
  return {
    addCheckpoint: async (body) => {
      const submitted = parse(body)
      if ('status' in submitted) return submitted
      const trusted = signedByLog(submitted, logs)
      return 'status' in trusted ? trusted : cosigned(trusted)
    },
    checkpoint: async (hash) => {
      const log = logs.find(({ name }) => originHash(name) === hash)
      return log === undefined ? undefined : (await store.latest(log.name))?.note
    },
  }
}
