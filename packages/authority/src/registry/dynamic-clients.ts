/** RFC 7591 for public clients, off unless switched on. What registers gets no secret and no right: only an id. */
import { newId, refused } from '@credence/kit'
import { isRedirectUri } from '@credence/protocol/cimd'
import { z } from 'zod'
import type { Core } from '../core.ts'
import type { ClientView } from '../ports.ts'
import { sql } from '../sql.ts'

export const DynamicRegistration = z.looseObject({
  redirect_uris: z.array(z.string().min(1).max(2048)).min(1).max(16),
  client_name: z.string().min(1).max(200).optional(),
  grant_types: z
    .array(z.enum(['authorization_code', 'refresh_token']))
    .max(2)
    .optional(),
  response_types: z.array(z.literal('code')).max(1).optional(),
  token_endpoint_auth_method: z.literal('none').optional(),
  application_type: z.enum(['native', 'web']).optional(),
})
export type DynamicRegistration = z.infer<typeof DynamicRegistration>

export interface DynamicClients {
  find(id: string): Promise<Omit<ClientView, 'bearerResources'> | undefined>
  register(metadata: DynamicRegistration): Promise<Record<string, unknown>>
}

const grantTypesOf = (metadata: DynamicRegistration): readonly string[] =>
  metadata.grant_types ?? ['authorization_code']

export const createDynamicClients = (core: Pick<Core, 'db' | 'domain' | 'clock' | 'random'>): DynamicClients => ({
  find: async (id) => {
    const [row] = await core.db.read(
      sql('SELECT metadata FROM dynamic_clients WHERE domain = ? AND id = ?', core.domain.id, id),
    )
    if (row === undefined) return undefined
    const metadata = DynamicRegistration.parse(JSON.parse(String(row.metadata)))
    return {
      clientId: id,
      kind: 'dynamic',
      name: metadata.client_name ?? id,
      domain: core.domain.id,
      redirectUris: metadata.redirect_uris,
      grantTypes: grantTypesOf(metadata),
      authMethod: 'none',
      keys: [],
      status: 'active',
    }
  },
  register: async (metadata) => {
    if (!metadata.redirect_uris.every(isRedirectUri)) {
      throw refused('redirect_uri_refused', 'A redirect URI is not acceptable.', {
        status: 400,
        standard: 'invalid_redirect_uri',
      })
    }
    const id = newId('dyn', core.random)
    const now = core.clock.now()
    await core.db.atomically([
      sql(
        'INSERT INTO dynamic_clients (domain, id, metadata, created) VALUES (?, ?, ?, ?)',
        core.domain.id,
        id,
        JSON.stringify(metadata),
        now,
      ),
    ])
    return {
      client_id: id,
      client_id_issued_at: Math.floor(now / 1000),
      redirect_uris: metadata.redirect_uris,
      grant_types: grantTypesOf(metadata),
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...(metadata.client_name === undefined ? {} : { client_name: metadata.client_name }),
    }
  },
})
