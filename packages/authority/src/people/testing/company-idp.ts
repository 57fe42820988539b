/**
 * A company's OpenID provider for tests, in a process of its own: `node company-idp.ts <port> <redirect uri>`.
 * It signs in whoever its one switch names (`PUT /as/<sub>`).
 */

import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Configuration } from 'oidc-provider'
import { Provider } from '../../front/library.ts'

const [port = '', redirectUri = ''] = process.argv.slice(2)
const issuer = `http://localhost:${port}`
const state = { sub: 'alice' }

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
const configuration: Configuration = {
  clients: [
    {
      client_id: 'credence',
      client_secret: 'not-a-secret-of-anybody',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  jwks: { keys: [{ ...key, alg: 'RS256', use: 'sig' }] } as never,
  cookies: { keys: ['company'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/login/${interaction.uid}` },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: 'shared@company.example', email_verified: true }),
  }),
}
const provider = new Provider(issuer, configuration)

const finish = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
  const details = await provider.interactionDetails(req, res)
  const grant = new provider.Grant({ accountId: state.sub, clientId: String(details.params.client_id) })
  grant.addOIDCScope('openid')
  const result = { login: { accountId: state.sub, remember: false }, consent: { grantId: await grant.save() } }
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false })
}

const callback = provider.callback()
createServer((req, res) => {
  const url = req.url ?? ''
  if (req.method === 'PUT') {
    const [, what, value = ''] = url.split('/')
    if (what === 'as') state.sub = value
    res.end()
  } else if (url.startsWith('/login/')) {
    finish(req, res).catch((error: unknown) => res.writeHead(500).end(String(error)))
  } else {
    callback(req, res)
  }
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
