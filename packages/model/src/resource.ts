/** A resource: an MCP server that the gateway fronts, with one resource identifier (RFC 8707). */
import { isId } from '@credence/kit'
import { isResourceIdentifier } from '@credence/protocol/oauth'
import { z } from 'zod'
import { DisplayName } from './agent.ts'
import type { DomainId, ServerId } from './ids.ts'

/** Stands in the URL `/mcp/<name>`. */
export const ServerName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/)

/**
 * INVARIANT: a stdio server has no command here. What is executed for its name stands only in the host's own
 * configuration.
 */
export const ServerTransport = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('stdio') }),
  z.strictObject({ kind: z.literal('http'), url: z.string().refine(isResourceIdentifier) }),
])
export type ServerTransport = z.infer<typeof ServerTransport>

export const DataClass = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/)

export const ToolLabelsSchema = z
  .strictObject({
    effect: z.enum(['read', 'write', 'delete', 'pay', 'send', 'execute']).optional(),
    publicData: z.boolean().optional(),
    dataClass: DataClass.optional(),
    reversible: z.boolean().optional(),
    untrusted: z.boolean().optional(),
  })
  .refine(({ publicData, dataClass }) => publicData !== true || dataClass === undefined || dataClass === 'public', {
    message: 'A tool that reads public data only has no other class of data.',
  })

export const ServerStatus = z.enum(['active', 'removed'])
export type ServerStatus = z.infer<typeof ServerStatus>

const idOf = <Prefix extends string>(prefix: Prefix) => z.custom<`${Prefix}_${string}`>((value) => isId(prefix, value))

export const Server = z.object({
  id: idOf('srv'),
  domain: idOf('dom'),
  name: ServerName,
  title: DisplayName,
  resource: z.string().refine(isResourceIdentifier),
  transport: ServerTransport,
  /** From our registry, by tool; never from the server. */
  labels: z.record(z.string().min(1).max(256), ToolLabelsSchema),
  /** Clients that may come without proof of possession, because the owner of this server said so. */
  bearerClients: z.array(z.string().min(1).max(2048)).max(64),
  status: ServerStatus,
  createdAt: z.int().min(0),
})

export interface Server extends Omit<z.infer<typeof Server>, 'id' | 'domain'> {
  readonly id: ServerId
  readonly domain: DomainId
}
