/** The one DPoP check of the token endpoint, with nonces of the server, before anything is looked up or consumed. */
import { type Clock, isCredenceError } from '@credence/kit'
import { createNonce, type ExpectedKey, type VerifiedProof, verifyNonce, verifyProof } from '@credence/protocol/dpop'
import { oauthRefused } from '@credence/protocol/oauth'

export interface ProofDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly nonceSecrets: readonly [Uint8Array, ...Uint8Array[]]
  /** `required`: a proof without a nonce of ours gets `use_dpop_nonce`. */
  readonly nonce: 'required' | 'offered'
}

export interface ProofChecker {
  /** Undefined when no proof was sent. */
  check(sent: readonly string[], url: string): VerifiedProof | undefined
  nonce(): string
}

/** Keys that were proven lately, by the header segment of their proofs: importing a key again costs as much as a hash. */
const REMEMBERED = 4096

export const createProofChecker = (deps: ProofDeps): ProofChecker => {
  const seen = new Map<string, ExpectedKey>()
  let nonce = ''
  let nonceMinute = -1

  const nonceNow = (): string => {
    const now = deps.clock.now()
    const minute = Math.floor(now / 60_000)
    if (minute !== nonceMinute) {
      nonce = createNonce({ secret: deps.nonceSecrets[0], purpose: 'as', now })
      nonceMinute = minute
    }
    return nonce
  }

  const accepts = (presented: string): boolean =>
    presented === nonceNow() ||
    verifyNonce({ secrets: deps.nonceSecrets, purpose: 'as', nonce: presented, now: deps.clock.now() })

  return {
    nonce: nonceNow,
    check: (sent, url) => {
      if (sent.length === 0) return undefined
      const [proof] = sent
      // RFC 9449 section 4.3, 1: there is not more than one DPoP header field.
      if (sent.length > 1 || proof === undefined || proof.includes(',')) {
        throw oauthRefused('invalid_dpop_proof', 'dpop_proof_invalid', 'Exactly one DPoP proof is needed.')
      }
      const header = proof.slice(0, proof.indexOf('.'))
      const expected = seen.get(header)
      const verified = answering(nonceNow, () =>
        verifyProof({
          proof,
          method: 'POST',
          url,
          now: deps.clock.now(),
          nonce: { required: deps.nonce === 'required', accepts },
          ...(expected === undefined ? {} : { expected }),
        }),
      )
      if (expected === undefined) {
        if (seen.size >= REMEMBERED) seen.delete(seen.keys().next().value ?? '')
        const { key, jkt, canonicalJwk } = verified
        seen.set(header, { key, jkt, canonicalJwk, headerSegment: header })
      }
      return verified
    },
  }
}

/** RFC 9449 sections 5 and 8: 400 at the token endpoint, and the nonce that the next proof must carry. */
const answering = (nonce: () => string, verify: () => VerifiedProof): VerifiedProof => {
  try {
    return verify()
  } catch (error) {
    if (!isCredenceError(error) || error.kind !== 'refused') throw error
    const standard = error.standard === 'use_dpop_nonce' ? 'use_dpop_nonce' : 'invalid_dpop_proof'
    throw oauthRefused(standard, error.code, error.message, { status: 400, headers: { 'DPoP-Nonce': nonce() } })
  }
}
