import type { KeyObject } from 'node:crypto'
import type { FileLayer } from './files/layer.ts'
import type { Ledger } from './types.ts'

/** Where checkpoints are signed: in this process, or elsewhere (a KMS, an HSM). Ed25519, 64 bytes. */
export interface LedgerSigner {
  readonly publicKey: KeyObject
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

export interface LedgerOptions {
  /** Made when missing (0700). One directory, one log, one writing process. */
  readonly dir: string
  /** First line of every checkpoint and name of the key: for a domain, its issuer without the scheme. */
  readonly origin: string
  /** An Ed25519 private key, or something that signs with one. */
  readonly signer: KeyObject | LedgerSigner
  /** Default: the operating system's files, written with O_DSYNC where that means what it says. */
  readonly files?: FileLayer
  /** Largest segment; the first has 1 MiB and each following doubles until this. Default 16 MiB. */
  readonly segmentBytes?: number
  /** How long the published tiles and `checkpoint` file may lag behind. Default 1,000. */
  readonly publishMs?: number
  /** Something in the background failed (tiles, preparing a segment). Appending is not affected. */
  readonly onError?: (error: unknown) => void
}

export interface EmbeddedLedger extends Ledger {
  /** What the start found after the last complete commit and dropped: a write that was never acknowledged. */
  readonly recovered: { readonly droppedBytes: number }
}
