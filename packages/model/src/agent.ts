/** An agent: registered, owned, one identifier for life, never reused. */
import { isId } from '@credence/kit'
import { PublicJwk } from '@credence/protocol/jose'
import { formatWorkloadId, isTrustDomain, parseWorkloadId } from '@credence/protocol/wimse'
import { z } from 'zod'
import type { AgentId, DomainId, OwnerId } from './ids.ts'

export const AGENT_STATUSES = ['active', 'suspended', 'retired'] as const
export const AgentStatus = z.enum(AGENT_STATUSES)
export type AgentStatus = z.infer<typeof AgentStatus>

/** `operator` is what the CLI of the host uses, `node` a gateway in another process. */
export const AgentRole = z.enum(['agent', 'operator', 'node'])
export type AgentRole = z.infer<typeof AgentRole>

/** INVARIANT: retired is final; an identifier that was withdrawn never acts again. */
export const mayChangeStatus = (from: AgentStatus, to: AgentStatus): boolean => from !== 'retired' && from !== to

/** A group of agents that policies speak of: `Group::"night-shift"`. */
export const GroupName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/)

export const AgentKey = z.object({
  jwk: PublicJwk,
  /** RFC 7638. */
  jkt: z.string().length(43),
  /** Epoch milliseconds. */
  addedAt: z.int().min(0),
})
export type AgentKey = z.infer<typeof AgentKey>

/** Shown to people: no control or direction-changing characters, no edges of white space. */
export const DisplayName = z
  .string()
  .min(1)
  .max(120)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u, 'Contains characters that cannot be shown')
  .refine((text) => text.trim() === text, 'Begins or ends with white space')

const idOf = <Prefix extends string>(prefix: Prefix) => z.custom<`${Prefix}_${string}`>((value) => isId(prefix, value))

export const Agent = z.object({
  id: idOf('agt'),
  domain: idOf('dom'),
  name: DisplayName,
  owner: idOf('own'),
  role: AgentRole,
  /** `spiffe://<trust domain>/agent/<id>` */
  spiffeId: z.string().max(2048),
  keys: z.array(AgentKey).max(16),
  status: AgentStatus,
  createdAt: z.int().min(0),
})

export interface Agent extends Omit<z.infer<typeof Agent>, 'id' | 'domain' | 'owner'> {
  readonly id: AgentId
  readonly domain: DomainId
  readonly owner: OwnerId
}

/** INVARIANT: an agent's SPIFFE identifier says its registry id, which is never given twice. */
export const agentSpiffeId = (trustDomain: string, agent: AgentId): string =>
  formatWorkloadId({ scheme: 'spiffe', trustDomain, path: ['agent', agent] })

/** The agent that an identifier of this trust domain names; undefined for every other identifier. */
export const agentOfSpiffeId = (trustDomain: string, text: string): AgentId | undefined => {
  if (!isTrustDomain(trustDomain) || !text.startsWith(`spiffe://${trustDomain}/agent/`)) return undefined
  const [kind, id, ...more] = parseWorkloadId(text).path
  return kind === 'agent' && isId('agt', id) && more.length === 0 ? id : undefined
}
