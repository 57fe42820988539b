/** RFC 7591 for public clients, off unless switched on. What registers gets no secret and no right: only an id. */
import { newId, refused } from '@credence/kit'
import { isRedirectUri } from '@credence/protocol/cimd'
import { parseJwkSet } from '@credence/protocol/jose'
import { z } from 'zod'
import type { Core } from '../core.ts'
import type { ClientView } from '../ports.ts'
import { sql } from '../sql.ts'

const RedirectUri = z
  .string()
  .min(1)
  .max(2048)
  .refine(isRedirectUri, 'not acceptable: https, a loopback address, or a private scheme with a dot is')

/** A private member here would be somebody's secret on our side. */
const isPublicKeySet = (value: unknown): boolean => {
  try {
    parseJwkSet(value)
    return true
  } catch {
    return false
  }
}

/**
 * RFC 7591 section 2. What is not understood is ignored, as it says; what would mean another kind of client than the
 * public one that is registered is refused, since it would be believed to have been agreed.
 */
export const DynamicRegistration = z
  .looseObject({
    redirect_uris: z.array(RedirectUri).min(1).max(16),
    client_name: z.string().min(1).max(200).optional(),
    grant_types: z
      .array(z.enum(['authorization_code', 'refresh_token']))
      .max(2)
      .optional(),
    response_types: z.array(z.literal('code')).max(1).optional(),
    token_endpoint_auth_method: z.literal('none').optional(),
    application_type: z.enum(['native', 'web']).optional(),
    jwks: z
      .unknown()
      .optional()
      .refine((value) => value === undefined || isPublicKeySet(value), 'not a set of public keys'),
    jwks_uri: z
      .url({ protocol: /^https$/ })
      .max(2048)
      .optional(),
  })
  // > The "jwks_uri" and "jwks" parameters MUST NOT both be present in the same request or response.
  .refine(({ jwks, jwks_uri }) => jwks === undefined || jwks_uri === undefined, {
    path: ['jwks'],
    message: 'jwks and jwks_uri exclude each other',
  })
  // Section 2.1: the response type `code` goes with the grant type `authorization_code`.
  .refine(({ grant_types: types }) => types === undefined || types.includes('authorization_code'), {
    path: ['grant_types'],
    message: 'without authorization_code there is nothing to begin with',
  })
export type DynamicRegistration = z.infer<typeof DynamicRegistration>

/** RFC 7591 section 3.2.2 */
export const registrationError = ([member]: readonly PropertyKey[]): string =>
  member === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata'

/** INVARIANT: nothing is kept that nothing here reads: neither keys nor texts that nobody has judged. */
const kept = ({ redirect_uris, client_name, grant_types }: DynamicRegistration): object => ({
  redirect_uris,
  ...(client_name === undefined ? {} : { client_name }),
  ...(grant_types === undefined ? {} : { grant_types: [...new Set(grant_types)] }),
})

/** More than any operator registers by hand: a program that runs wild is stopped here. */
const MOST_CLIENTS = 10_000

const tooMany = () =>
  refused('clients_too_many', 'This domain has as many dynamically registered clients as it takes.', { status: 403 })

export interface DynamicClients {
  find(id: string): Promise<Omit<ClientView, 'bearerResources'> | undefined>
  register(metadata: DynamicRegistration): Promise<Record<string, unknown>>
}

const grantTypesOf = (metadata: DynamicRegistration): readonly string[] => [
  ...new Set(metadata.grant_types ?? ['authorization_code']),
]

export const createDynamicClients = (
  core: Pick<Core, 'db' | 'domain' | 'clock' | 'random'>,
  most = MOST_CLIENTS,
): DynamicClients => ({
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
    const id = newId('dyn', core.random)
    const now = core.clock.now()
    const { id: domain } = core.domain
    const [inserted] = await core.db.atomically([
      sql(
        `INSERT INTO dynamic_clients (domain, id, metadata, created)
         SELECT ?, ?, ?, cast(? as bigint) WHERE (SELECT count(*) FROM dynamic_clients WHERE domain = ?) < ${most}
         RETURNING id`,
        domain,
        id,
        JSON.stringify(kept(metadata)),
        now,
        domain,
      ),
    ])
    if (inserted?.length !== 1) throw tooMany()
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
