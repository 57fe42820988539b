/** Stock oidc-provider with the same checks: private_key_jwt, DPoP, both jti used once, JWT tokens by ES256; in memory. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { thumbprint } from '@credence/protocol/jose'
import Provider, { type ClientMetadata, type Configuration, type JWK } from 'oidc-provider'

const [clientId = '', jwk = '{}', resource = ''] = process.argv.slice(2)
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const client: ClientMetadata = {
  client_id: clientId,
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'ES256',
  id_token_signed_response_alg: 'ES256',
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  jwks: { keys: [{ ...JSON.parse(jwk), kid: thumbprint(JSON.parse(jwk)), use: 'sig', alg: 'ES256' } as JWK] },
}

const configuration: Configuration = {
  clients: [client],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'k1' } as JWK] },
  cookies: { keys: ['bench'] },
  enabledJWA: { clientAuthSigningAlgValues: ['ES256'], dPoPSigningAlgValues: ['ES256'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({
        scope: '',
        audience: resource,
        accessTokenTTL: 300,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
}

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  server.on('request', new Provider(issuer, configuration).callback())
  process.send?.({ ready: { port, issuer } })
})
