/**
 * RFC 9068: what stands in an access token. The schema is the document; `claimRules` is what judges, in plain code.
 */
import { z } from 'zod'

const Text = z.string().min(1).max(2048)
/** Epoch seconds, whole. */
const Seconds = z.int().min(0)

/** RFC 8693 section 4.1, with an issuer beside every subject. Nested actors are earlier ones. */
export interface ActClaim {
  readonly iss?: string | undefined
  readonly sub: string
  readonly act?: ActClaim | undefined
}
export const ActClaim: z.ZodType<ActClaim> = z.object({
  iss: Text.optional(),
  sub: Text,
  get act() {
    return ActClaim.optional()
  },
})

/** RFC 7800 with RFC 9449 section 6.1 (`jkt`) and RFC 8705 section 3.1 (`x5t#S256`). */
export const Confirmation = z.object({ jkt: Text.optional(), 'x5t#S256': Text.optional() })

/** Ours alone: the domain, the number of the feed at minting, the epoch, and who the agent is in the registry. */
export const CredenceClaim = z.object({
  dom: Text,
  feed: z.int().min(0),
  epoch: z.int().min(0),
  agt: Text.optional(),
  own: Text.optional(),
  ins: Text.optional(),
})
export type CredenceClaim = z.infer<typeof CredenceClaim>

export const AccessTokenClaims = z.object({
  iss: Text,
  sub: Text,
  aud: Text,
  client_id: Text,
  jti: Text,
  iat: Seconds,
  exp: Seconds,
  nbf: Seconds.optional(),
  scope: z.string().max(4096).optional(),
  authorization_details: z
    .array(z.looseObject({ type: Text }))
    .max(32)
    .optional(),
  cnf: Confirmation.optional(),
  act: ActClaim.optional(),
  grant_id: Text.optional(),
  sid: Text.optional(),
  txn: Text.optional(),
  credence: CredenceClaim.optional(),
})
export type AccessTokenClaims = z.infer<typeof AccessTokenClaims>
