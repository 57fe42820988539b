/**
 * The witnessed checkpoint that an earlier run left: what this run goes on from, and a witness of its own. A ledger that is
 * shorter than it, or another one, was changed while nobody ran.
 */
import type { Ledger } from '@credence/ledger'
import type { WitnessTrouble } from '@credence/ledger/witness'
import {
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  type TlogPolicy,
  verifyCheckpoint,
} from '@credence/protocol/c2sp'
import { verifyConsistency } from '@credence/protocol/rfc9162'

/** What enough witnesses cosigned last. */
export interface WitnessedCheckpoint {
  readonly size: number
  /** The signed checkpoint with its cosignatures. */
  readonly checkpoint: string
  /** Names of the witnesses, as in the policy. */
  readonly by: readonly string[]
}

export type WitnessedLedger = Pick<Ledger, 'checkpoint' | 'consistencyProof' | 'refresh' | 'size' | 'verifierKey'>

const KEPT = 'the checkpoint kept here'

/** Undefined: it is not a checkpoint of this ledger that enough of the policy's witnesses cosigned. */
export const readKept = (
  checkpoint: string,
  { verifierKey }: Pick<WitnessedLedger, 'verifierKey'>,
  { witnesses, enough }: TlogPolicy,
): (WitnessedCheckpoint & { readonly root: Uint8Array }) | undefined => {
  try {
    const known = witnesses.map(({ verifier }) => verifier)
    const { size, root, witnessed } = verifyCheckpoint(checkpoint, parseVerifierKey(verifierKey), known)
    const by = witnesses.filter(({ verifier }) => witnessed.some(({ witness }) => witness === verifier))
    const names = by.map(({ name }) => name)
    return names.length > 0 && enough(new Set(names)) ? { size, root, checkpoint, by: names } : undefined
  } catch {
    return undefined
  }
}

/** Whether the ledger that is here follows from what was kept. */
export const judgeKept = async (
  { size, root }: { readonly size: number; readonly root: Uint8Array },
  ledger: WitnessedLedger,
): Promise<WitnessTrouble | undefined> => {
  await ledger.refresh()
  const now = parseCheckpoint(parseNote(ledger.checkpoint()).text)
  if (size > now.size) return { kind: 'knows_more', witness: KEPT, size }
  if (size === 0) return undefined
  const proof = size === now.size ? [] : await ledger.consistencyProof(size, now.size)
  const follows = verifyConsistency({ size1: size, size2: now.size, root1: root, root2: now.root, proof })
  return follows ? undefined : { kind: 'rewritten', witness: KEPT, size: now.size }
}
