/** A grant: what a subject allowed an agent, with the evidence of it. One grant for one authorization, never shared. */
import { isId } from '@credence/kit'
import { z } from 'zod'
import { AuthorizationDetails } from './authorization-details.ts'
import type { AgentId, DomainId, GrantId } from './ids.ts'

export const GrantStatus = z.enum(['active', 'revoked'])
export type GrantStatus = z.infer<typeof GrantStatus>

const idOf = <Prefix extends string>(prefix: Prefix) => z.custom<`${Prefix}_${string}`>((value) => isId(prefix, value))
const Milliseconds = z.int().min(0)

export const Grant = z.object({
  id: idOf('grt'),
  domain: idOf('dom'),
  subject: z.object({ iss: z.string().min(1).max(2048), sub: z.string().min(1).max(2048) }),
  /** The OAuth client: an agent's id, or the URL of a client metadata document. */
  clientId: z.string().min(1).max(2048),
  agent: idOf('agt').optional(),
  scope: z.array(z.string().min(1).max(256)).max(64),
  authorizationDetails: AuthorizationDetails,
  createdAt: Milliseconds,
  expiresAt: Milliseconds,
  status: GrantStatus,
  /** SHA-256 (base64url) over what the person saw and the moment of the yes. */
  evidence: z.string().length(43),
})

export interface Grant extends Omit<z.infer<typeof Grant>, 'id' | 'domain' | 'agent'> {
  readonly id: GrantId
  readonly domain: DomainId
  readonly agent?: AgentId | undefined
}

/** `now`: epoch milliseconds. */
export const isLive = (grant: Pick<Grant, 'status' | 'expiresAt'>, now: number): boolean =>
  grant.status === 'active' && now < grant.expiresAt
