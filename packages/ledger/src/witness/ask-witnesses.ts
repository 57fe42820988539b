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
  readonly body: string
}

export interface AskWitnessesDeps {
  readonly ledger: Pick<Ledger, 'checkpoint' | 'consistencyProof'>
  readonly peers: readonly WitnessPeer[]
  /** Epoch milliseconds. */
  readonly now: () => number
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
  /** The checkpoint as the log signed it. */
  readonly checkpoint: string
  /** Good cosignatures by the names of their witnesses. */
  readonly cosignatures: ReadonlyMap<string, NoteSignature>
  readonly trouble: readonly WitnessTrouble[]
}

/** The checkpoint with its cosignatures beside the log's signature. */
export const withCosignatures = (checkpoint: string, cosignatures: Iterable<NoteSignature>): string => {
  const { text, signatures } = parseNote(checkpoint)
  return formatNote({ text, signatures: [...signatures, ...cosignatures] })
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
  const { text } = parseNote(note)
  const head: Head = { size: parseCheckpoint(text).size, note, text }
  const answers = await Promise.all(
    deps.peers.map(async (peer) => ({ peer, ...(await askOne(deps, peer, head, known)) })),
  )
  return {
    size: head.size,
    checkpoint: note,
    cosignatures: new Map(
      answers.flatMap(({ peer, cosignature }) =>
        cosignature === undefined ? [] : [[peer.name, cosignature] as const],
      ),
    ),
    trouble: answers.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble])),
  }
}

const askOne = async (
  deps: AskWitnessesDeps,
  peer: WitnessPeer,
  head: Head,
  known: KnownSizes,
): Promise<{ readonly cosignature?: NoteSignature; readonly trouble?: WitnessTrouble }> => {
  try {
    const cosignature = await submit(deps, peer, head, known)
    known.set(peer.name, head.size)
    return { cosignature }
  } catch (error) {
    const detail = isCredenceError(error) ? error.code : String(error)
    const trouble: WitnessTrouble =
      error instanceof Trouble ? error.trouble : { kind: 'silent', witness: peer.name, detail: detail.slice(0, 200) }
    return { trouble }
  }
}

const submit = async (
  deps: AskWitnessesDeps,
  peer: WitnessPeer,
  head: Head,
  known: KnownSizes,
): Promise<NoteSignature> => {
  const first = await send(deps, peer, head, known.get(peer.name) ?? 0)
  if (!isConflict(first)) return cosignatureOf(first, deps, peer, head)
  const size = parseSize(first.body.trimEnd())
  if (size > head.size) throw new Trouble({ kind: 'knows_more', witness: peer.name, size })
  known.set(peer.name, size)
  return cosignatureOf(await send(deps, peer, head, size), deps, peer, head)
}

const isConflict = ({ status }: WitnessReply): boolean => status === 409

const send = async (deps: AskWitnessesDeps, peer: WitnessPeer, head: Head, oldSize: number): Promise<WitnessReply> => {
  // A guess above our size can only be ours and wrong: the witness says what is right.
  const from = oldSize > head.size ? 0 : oldSize
  const proof = from === 0 || from === head.size ? [] : await deps.ledger.consistencyProof(from, head.size)
  const url = `${peer.url.replace(/\/$/, '')}/add-checkpoint`
  return deps.post(url, formatAddCheckpoint({ oldSize: from, proof, checkpoint: head.note }))
}

const AHEAD_SECONDS = 300

/** > The client MUST ignore any cosignatures from unknown keys. One from the future would count for nobody who verifies. */
const cosignatureOf = (
  reply: WitnessReply,
  { now }: Pick<AskWitnessesDeps, 'now'>,
  peer: WitnessPeer,
  { size, text }: Head,
): NoteSignature => {
  const silent = (detail: string) => new Trouble({ kind: 'silent', witness: peer.name, detail })
  if (reply.status === 422) throw new Trouble({ kind: 'rewritten', witness: peer.name, size })
  if (reply.status !== 200) throw silent(`status ${reply.status}`)
  const { name, keyId } = peer.verifier
  const own = parseCosignatures(reply.body).find((one) => one.name === name && one.keyId === keyId)
  if (own === undefined) throw silent('no cosignature by its key')
  const { signed } = verifyNote(formatNote({ text, signatures: [own] }), [peer.verifier])
  if ((signed.get(peer.verifier)?.time ?? 0) > now() / 1000 + AHEAD_SECONDS) throw silent('its clock is ahead')
  return own
}
