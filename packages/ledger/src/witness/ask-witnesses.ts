/**
 * The log's side of witnessing: the newest checkpoint goes to every witness with the proof that it only appends, and what
 * comes back goes beside it. A witness that is silent costs nothing but its cosignature; one that knows more of this log
 * than we do, or says that it was rewritten, is an alert.
 */
import { isCredenceError } from '@credence/kit'
import {
  formatAddCheckpoint,
  formatNote,
  type NoteSignature,
  type NoteVerifier,
  parseCheckpoint,
  parseCosignatures,
  parseNote,
  parseSize,
  SIZE_TYPE,
  verifyNote,
} from '@credence/protocol/c2sp'
import type { Ledger } from '../types.ts'

export interface WitnessPeer {
  /** Its name in the policy of witnesses. */
  readonly name: string
  readonly verifier: NoteVerifier
  /** Submission prefix. */
  readonly url: string
}

export interface WitnessReply {
  readonly status: number
  readonly type: string
  readonly body: string
}

export interface AskWitnessesDeps {
  readonly ledger: Pick<Ledger, 'checkpoint' | 'consistencyProof'>
  readonly peers: readonly WitnessPeer[]
  /** One request, with its own limits of time and size. */
  readonly post: (url: string, body: string) => Promise<WitnessReply>
}

export type WitnessTrouble =
  /** It does not answer, does not know the log, or its answer cannot be read. */
  | { readonly kind: 'silent'; readonly witness: string; readonly detail: string }
  /** It cosigned a size of this log that we do not have: the log was rolled back, or somebody else writes with its key. */
  | { readonly kind: 'knows_more'; readonly witness: string; readonly size: number }
  /** It says that the checkpoint does not follow from what it cosigned: the log was rewritten. */
  | { readonly kind: 'rewritten'; readonly witness: string; readonly size: number }

export interface Asked {
  readonly size: number
  /** The checkpoint with the log's signature and every good cosignature. */
  readonly note: string
  /** Names of the witnesses that cosigned it. */
  readonly cosigned: ReadonlySet<string>
  readonly trouble: readonly WitnessTrouble[]
}

interface Head {
  readonly size: number
  readonly note: string
  readonly text: string
}

class Trouble extends Error {
  readonly trouble: WitnessTrouble

  constructor(trouble: WitnessTrouble) {
    super(trouble.kind)
    this.trouble = trouble
  }
}

/** What each witness cosigned last, as far as we know; a wrong guess costs one more request. */
export type KnownSizes = Map<string, number>

/** `known` is kept between calls by the caller and changed here. */
export const askWitnesses = async (deps: AskWitnessesDeps, known: KnownSizes = new Map()): Promise<Asked> => {
  const note = deps.ledger.checkpoint()
  const { text, signatures } = parseNote(note)
  const head: Head = { size: parseCheckpoint(text).size, note, text }
  const answers = await Promise.all(
    deps.peers.map(async (peer) => ({ peer, ...(await askOne(deps, peer, head, known)) })),
  )
  return {
    size: head.size,
    note: formatNote({ text, signatures: [...signatures, ...answers.flatMap(({ cosignatures }) => cosignatures)] }),
    cosigned: new Set(answers.flatMap(({ peer, cosignatures }) => (cosignatures.length > 0 ? [peer.name] : []))),
    trouble: answers.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble])),
  }
}

const askOne = async (
  deps: AskWitnessesDeps,
  peer: WitnessPeer,
  head: Head,
  known: KnownSizes,
): Promise<{ readonly cosignatures: readonly NoteSignature[]; readonly trouble?: WitnessTrouble }> => {
  try {
    const cosignatures = await submit(deps, peer, head, known)
    known.set(peer.name, head.size)
    return { cosignatures }
  } catch (error) {
    const detail = isCredenceError(error) ? error.code : String(error)
    const trouble: WitnessTrouble =
      error instanceof Trouble ? error.trouble : { kind: 'silent', witness: peer.name, detail: detail.slice(0, 200) }
    return { cosignatures: [], trouble }
  }
}

const submit = async (
  deps: AskWitnessesDeps,
  peer: WitnessPeer,
  head: Head,
  known: KnownSizes,
): Promise<readonly NoteSignature[]> => {
  const first = await send(deps, peer, head, known.get(peer.name) ?? 0)
  if (!isConflict(first)) return cosignaturesOf(first, peer, head)
  const size = parseSize(first.body.trimEnd())
  if (size > head.size) throw new Trouble({ kind: 'knows_more', witness: peer.name, size })
  known.set(peer.name, size)
  return cosignaturesOf(await send(deps, peer, head, size), peer, head)
}

const isConflict = ({ status, type }: WitnessReply): boolean => status === 409 && type.startsWith(SIZE_TYPE)

const send = async (deps: AskWitnessesDeps, peer: WitnessPeer, head: Head, oldSize: number): Promise<WitnessReply> => {
  // A guess above our size can only be ours and wrong: the witness says what is right.
  const from = oldSize > head.size ? 0 : oldSize
  const proof = from === 0 || from === head.size ? [] : await deps.ledger.consistencyProof(from, head.size)
  const url = `${peer.url.replace(/\/$/, '')}/add-checkpoint`
  return deps.post(url, formatAddCheckpoint({ oldSize: from, proof, checkpoint: head.note }))
}

/** > The client MUST ignore any cosignatures from unknown keys. */
const cosignaturesOf = (reply: WitnessReply, peer: WitnessPeer, { size, text }: Head): readonly NoteSignature[] => {
  if (reply.status === 422) throw new Trouble({ kind: 'rewritten', witness: peer.name, size })
  if (reply.status !== 200) {
    throw new Trouble({ kind: 'silent', witness: peer.name, detail: `status ${reply.status}` })
  }
  const { name, keyId } = peer.verifier
  const own = parseCosignatures(reply.body).filter((one) => one.name === name && one.keyId === keyId)
  verifyNote(formatNote({ text, signatures: own }), [peer.verifier])
  return own.slice(0, 1)
}
