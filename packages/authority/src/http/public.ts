/** What everybody may read: metadata, keys, health, the description of the interface. No secret and no Host in any of it. */
import { bindRoutes, type EdgeResponse, type Handler, type Route, replyJson, replyText } from '@credence/kit/http'
import type { Metrics } from '@credence/kit/telemetry'
import { createServerMetadata, GRANT_TYPES } from '@credence/protocol/oauth'
import type { SigningKeys } from '../keys/signing-keys.ts'

const PUBLIC = { method: 'GET', access: 'public', consequential: false } as const

const TABLE = [
  { ...PUBLIC, path: '/.well-known/oauth-authorization-server', name: 'metadata.oauth' },
  { ...PUBLIC, path: '/.well-known/openid-configuration', name: 'metadata.openid' },
  { ...PUBLIC, path: '/jwks', name: 'jwks' },
  { ...PUBLIC, path: '/openapi.json', name: 'openapi' },
  { ...PUBLIC, path: '/healthz', name: 'healthz' },
  { ...PUBLIC, path: '/readyz', name: 'readyz' },
  { ...PUBLIC, path: '/metrics', name: 'metrics' },
] as const

export interface PublicDeps {
  readonly issuer: string
  readonly signingKeys: SigningKeys
  readonly metrics: Metrics
  /** Made when somebody first asks. */
  readonly openApi: () => Record<string, unknown>
  readonly dynamicRegistration: boolean
  readonly cimd: boolean
  /** What is not well; empty when ready. */
  readonly notReady: () => Promise<readonly string[]>
}

const metadata = (deps: PublicDeps): Record<string, unknown> => ({
  ...createServerMetadata({
    issuer: deps.issuer,
    scopes: ['openid', 'offline_access', 'mcp:tools', 'admin', 'decide', 'node', 'revoke'],
    grantTypes: [GRANT_TYPES.authorizationCode, GRANT_TYPES.refreshToken, GRANT_TYPES.clientCredentials],
    authorizationDetailsTypes: ['mcp_tools'],
    registration: deps.dynamicRegistration,
  }),
  client_id_metadata_document_supported: deps.cimd,
})

/** Clients may keep it a little; a rotation is announced long before it bites (the next key is in the set already). */
const CACHED = { 'cache-control': 'public, max-age=300' }

const always =
  (value: unknown): Handler =>
  (): EdgeResponse =>
    replyJson(value, { headers: CACHED })

export const publicRoutes = (deps: PublicDeps): Route[] => {
  const described = metadata(deps)
  let document: Record<string, unknown> | undefined
  const openApi = () => {
    document ??= deps.openApi()
    return document
  }
  return bindRoutes(TABLE, {
    'metadata.oauth': always(described),
    'metadata.openid': always(described),
    jwks: () => replyJson(deps.signingKeys.jwks(), { headers: CACHED }),
    openapi: () => replyJson(openApi(), { headers: CACHED }),
    healthz: () => replyJson({ ok: true }),
    readyz: async () => {
      const problems = await deps.notReady()
      return replyJson({ ready: problems.length === 0, problems }, { status: problems.length === 0 ? 200 : 503 })
    },
    metrics: () => replyText(deps.metrics.text()),
  })
}
