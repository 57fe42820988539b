/** Two copies of one ledger: the same, one a beginning of the other, or two histories, and then from which record on. */
import { createHash, type Hash, type KeyObject } from 'node:crypto'
import { type LedgerVerdict, verifyLedger } from '@credence/ledger'

export interface CopyDifference {
  /** First entry that is not the same in both. */
  readonly index: number
  /** The two entries, as text. */
  readonly entries: readonly [string, string]
}

export interface Comparison {
  readonly copies: readonly [LedgerVerdict, LedgerVerdict]
  /**
   * `same`; `beginning`: the shorter copy is how the longer one began; `different`: two histories. Only what is sound is
   * compared, so look at `copies` too. Two sound copies that differ are both signed by the ledger's key: proof that whoever
   * holds it showed different people different histories.
   */
  readonly answer: 'same' | 'beginning' | 'different'
  readonly difference?: CopyDifference
}

/** Entries of one digest: memory is 32 bytes for so many entries, however long the ledger. */
const PORTION = 256

class Portions {
  readonly digests: string[] = []
  #hash: Hash | undefined

  add(index: number, entry: Uint8Array): void {
    if (index % PORTION === 0) this.#close()
    this.#hash ??= createHash('sha256')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(entry.length)
    this.#hash.update(length).update(entry)
  }

  #close(): void {
    if (this.#hash !== undefined) this.digests.push(this.#hash.digest('latin1'))
    this.#hash = undefined
  }
}

interface Copy {
  readonly dir: string
  readonly verdict: LedgerVerdict
  /** Of the portions that are full and followed by more. */
  readonly digests: readonly string[]
}

const read = async (dir: string, key: KeyObject | string): Promise<Copy> => {
  const portions = new Portions()
  const verdict = await verifyLedger(dir, key, { onEntry: (index, entry) => portions.add(index, entry) })
  return { dir, verdict, digests: portions.digests }
}

/** The good entries of one portion and of what follows it, if that is the last. */
const entriesFrom = async ({ dir }: Copy, key: KeyObject | string, from: number, to: number): Promise<Buffer[]> => {
  const found: Buffer[] = []
  await verifyLedger(dir, key, {
    onEntry: (index, entry) => {
      if (index >= from && index < to) found.push(Buffer.from(entry))
    },
  })
  return found
}

const differenceOf = async (a: Copy, b: Copy, key: KeyObject | string): Promise<CopyDifference | undefined> => {
  const common = Math.min(a.verdict.size, b.verdict.size)
  const full = Math.min(a.digests.length, b.digests.length)
  const differs = Array.from({ length: full }, (_, at) => at).find((at) => a.digests[at] !== b.digests[at])
  const first = (differs ?? full) * PORTION
  const to = Math.min(common, differs === undefined ? common : first + PORTION)
  const [ours, theirs] = [await entriesFrom(a, key, first, to), await entriesFrom(b, key, first, to)]
  const at = ours.findIndex((entry, n) => theirs[n]?.equals(entry) !== true)
  if (at < 0) return undefined
  return { index: first + at, entries: [String(ours[at] ?? ''), String(theirs[at] ?? '')] }
}

/** `key`: of the ledger, as for `verifyAudit`. A copy that is not sound is compared as far as it is good. */
export const compareLedgers = async (dirs: readonly [string, string], key: KeyObject | string): Promise<Comparison> => {
  const [a, b] = [await read(dirs[0], key), await read(dirs[1], key)]
  const copies = [a.verdict, b.verdict] as const
  const difference = await differenceOf(a, b, key)
  if (difference !== undefined) return { copies, answer: 'different', difference }
  return { copies, answer: a.verdict.size === b.verdict.size ? 'same' : 'beginning' }
}
