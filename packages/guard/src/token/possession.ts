/** Proof of possession on every request (RFC 9449 section 7), and that no proof counts twice. */
import { type Clock, type CredenceError, isCredenceError, type Once, type Random, refused } from '@credence/kit'
import {
  createNonce,
  DEFAULT_WINDOW,
  type NonceRule,
  type ProofWindow,
  type VerifiedProof,
  verifyNonce,
  verifyProof,
} from '@credence/protocol/dpop'
import type { CachedToken } from './cache.ts'
import { type PresentedToken, singleProof, withoutQuery } from './presented-token.ts'

export interface PossessionOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly once: Once
  readonly window?: ProofWindow
  readonly nonceRequired?: boolean
  /**
   * Epoch milliseconds from which `once` remembers every proof: older ones need a nonce. Default: when this was made.
   * `false`: `once` outlives this process.
   */
  readonly fence?: number | false
  /** 32 bytes, shared by guards whose nonces one client keeps for one origin. Default: of its own. */
  readonly nonceSecret?: Uint8Array
}

export type ProvePossession = (entry: CachedToken, hash: string, presented: PresentedToken) => Promise<void>

export const createPossession = (options: PossessionOptions): ProvePossession => {
  const { clock, once } = options
  const window = options.window ?? DEFAULT_WINDOW
  const nonces = processNonces(options)
  const beforeStart = fence(options, window)
  return async (entry, hash, presented) => {
    const proof = nonces.answering(() => {
      const verified = verifyProof({
        proof: singleProof(presented),
        method: presented.method,
        url: withoutQuery(presented.url),
        accessTokenHash: hash,
        nonce: nonces.rule,
        now: clock.now(),
        window,
        ...(entry.proofKey === undefined ? { expectedJkt: entry.facts.jkt ?? '' } : { expected: entry.proofKey }),
      })
      if (verified.nonce === undefined && beforeStart(verified)) throw nonceWanted()
      return verified
    })
    if (!(await once.claim('dpop', proof.replayKey, proof.replayUntil))) throw replayed()
    if (entry.proofKey?.headerSegment !== proof.headerSegment) entry.proofKey = proof
  }
}

const nonceWanted = (): CredenceError =>
  refused('dpop_nonce_required', 'Use the nonce of this answer in the next proof.', {
    status: 401,
    standard: 'use_dpop_nonce',
  })

/** RFC 9449 section 11.1: a proof is good once. */
const replayed = (): CredenceError =>
  refused('dpop_proof_replayed', 'This proof has been used before.', { status: 401, standard: 'invalid_dpop_proof' })

/**
 * INVARIANT: a proof that an earlier run of this process may have seen is not accepted without a nonce of this run.
 * That run may have taken proofs dated as far ahead as the window allows, hence the allowance.
 */
const fence = (options: PossessionOptions, window: ProofWindow): ((proof: VerifiedProof) => boolean) => {
  if (options.fence === false) return () => false
  const last = (options.fence ?? options.clock.now()) / 1000 + window.futureSeconds
  return (proof) => proof.iat <= last
}

/** Nonces that name this run of this process: the secret is never shared and never stored. */
const processNonces = ({ clock, random, nonceRequired, nonceSecret }: PossessionOptions) => {
  const secret = nonceSecret ?? random.bytes(32)
  const rule: NonceRule = {
    required: nonceRequired === true,
    accepts: (nonce) => verifyNonce({ secrets: [secret], purpose: 'rs', nonce, now: clock.now() }),
  }
  const withNonce = ({ code, message }: CredenceError): CredenceError =>
    refused(code, message, {
      status: 401,
      standard: 'use_dpop_nonce',
      headers: { 'DPoP-Nonce': createNonce({ secret, purpose: 'rs', now: clock.now() }) },
    })
  return {
    rule,
    answering: <T>(check: () => T): T => {
      try {
        return check()
      } catch (error) {
        throw isCredenceError(error) && error.standard === 'use_dpop_nonce' ? withNonce(error) : error
      }
    },
  }
}
