/** What a decision point offers and where, signed with the key that signs tokens. */
import type { Clock } from '@credence/kit'
import { createPdpMetadata, type PdpMetadata } from '@credence/protocol/authzen'
import { OBLIGATION_TYPES } from '@credence/protocol/authzen/obligations-draft-1'
import { signCompactJws } from '@credence/protocol/jose'
import type { SigningKeys } from '../keys/signing-keys.ts'

export interface MetadataDeps {
  readonly issuer: string
  readonly signingKeys: Pick<SigningKeys, 'active'>
  readonly clock: Pick<Clock, 'now'>
}

/** RFC 8725 section 3.11: no verifier of tokens takes this for one. */
export const METADATA_TYPE = 'authzen-metadata+jwt'

/** > MUST be digitally signed [...] and MUST contain an `iss` (issuer) claim; `signed_metadata` is no claim in it */
export const signedMetadata = (identifier: string, deps: MetadataDeps): PdpMetadata & { readonly jwks_uri: string } => {
  const plain = {
    ...createPdpMetadata(identifier),
    jwks_uri: `${deps.issuer}/jwks`,
    // AuthZEN Profile for Obligations, draft 1: what annotations of policies may demand.
    supported_obligations: [...OBLIGATION_TYPES],
  }
  const { kid, privateKey } = deps.signingKeys.active()
  const claims = { ...plain, iss: deps.issuer, sub: identifier, iat: Math.floor(deps.clock.now() / 1000) }
  return { ...plain, signed_metadata: signCompactJws(privateKey, { typ: METADATA_TYPE, kid }, claims) }
}

const FRESH_MS = 60_000

/** INVARIANT: signed anew when the key rotates, so that what is cached is verifiable with what is published. */
export const metadataSource = (deps: MetadataDeps): ((identifier: string) => PdpMetadata) => {
  const made = new Map<string, { readonly kid: string; readonly at: number; readonly metadata: PdpMetadata }>()
  return (identifier) => {
    const known = made.get(identifier)
    const { kid } = deps.signingKeys.active()
    const now = deps.clock.now()
    if (known !== undefined && known.kid === kid && now - known.at < FRESH_MS) return known.metadata
    const metadata = signedMetadata(identifier, deps)
    made.set(identifier, { kid, at: now, metadata })
    return metadata
  }
}
