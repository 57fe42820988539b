/**
 * What a function may need from the world, each asked for alone: a function that takes a `Clock` cannot fetch.
 * `node.ts` is the only file that provides them.
 */
import type { KeyObject } from 'node:crypto'

export interface Clock {
  /** Milliseconds since the epoch; may step backwards. */
  now(): number
  /** Milliseconds on a clock that never steps; comparable only within this process. */
  monotonic(): number
}

export interface Random {
  bytes(length: number): Uint8Array
}

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export interface KeyMaker {
  /** P-256, for every signature that an agent or an issuer makes (SPIFFE forbids EdDSA). */
  es256(): KeyPair
  /** For checkpoints of the ledger (C2SP signed notes). */
  ed25519(): KeyPair
}
