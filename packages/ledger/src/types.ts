/** What the ledger offers. It knows bytes, not what they say. */
export interface Acknowledgement {
  readonly index: number
  /** RFC 9162 leaf hash, 32 bytes. */
  readonly leafHash: Uint8Array
  /** The signed checkpoint (C2SP tlog-checkpoint note) that covers the entry and is durable. */
  readonly checkpoint: string
  readonly treeSize: number
  /** Computed on demand: sibling hashes from leaf to root for `treeSize`. */
  proof(): Promise<readonly Uint8Array[]>
}

export interface Ledger {
  /**
   * Resolves when entry and checkpoint are durable. At most 65,535 bytes. Throws `unavailable` when it cannot be.
   * `patient`: nobody waits for it, so that it may wait some milliseconds for a batch to go with.
   */
  append(entry: Uint8Array, options?: { readonly patient?: boolean }): Promise<Acknowledgement>
  readonly origin: string
  /** The C2SP verifier key (`name+keyid+base64`) to hand to auditors. */
  readonly verifierKey: string
  /**
   * Why nothing can be appended now, as far as this node knows: the code of a fence, which stays until the log is opened
   * again, of an outage, or of a takeover that another node must finish.
   */
  problem(): string | undefined
  /** Entries that this node knows to be durable. Others may have appended since: `refresh`. */
  size(): number
  checkpoint(): string
  /** Brings `size`, `checkpoint` and everything else to what is durable now, whoever appended it. */
  refresh(): Promise<void>
  entry(index: number): Promise<Uint8Array>
  entries(from: number, to: number): AsyncIterable<{ readonly index: number; readonly entry: Uint8Array }>
  /** C2SP tlog-tiles: the first `width` (default 256) entries of bundle `n`, each with its length in two bytes in front. */
  entryBundle(n: number, width?: number): Promise<Uint8Array>
  inclusionProof(index: number, treeSize: number): Promise<readonly Uint8Array[]>
  consistencyProof(from: number, to: number): Promise<readonly Uint8Array[]>
  /** Completes what is kept beside the truth: the `checkpoint` file, and published tiles where there are any. */
  publish(): Promise<void>
  close(): Promise<void>
}
