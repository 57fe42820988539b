/** Token and proof to verified facts, in one process without HTTP: our guard, and oauth4webapi's validateJwtAccessToken. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createTokenAuthenticator, staticKeys, staticRevocations } from '@credence/guard'
import { createMemoryOnce, newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { signAccessToken } from '@credence/protocol/access-token'
import { createProof } from '@credence/protocol/dpop'
import { publicJwkOf, signerOf, thumbprint } from '@credence/protocol/jose'
import * as oauth from 'oauth4webapi'

const ISSUER = 'https://as.example'
const RESOURCE = 'https://api.example/mcp/echo'
const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const client = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const seconds = (): number => Math.floor(Date.now() / 1000)

const accessToken = (key: KeyObject): string =>
  signAccessToken(key, 'k1', {
    iss: ISSUER,
    sub: 'usr_1',
    aud: RESOURCE,
    client_id: 'bench',
    jti: newId('jti', nodeRandom),
    iat: seconds(),
    exp: seconds() + 300,
    cnf: { jkt: thumbprint(publicJwkOf(client.publicKey)) },
  })

const token = accessToken(issuer.privateKey)
const signer = signerOf(client.privateKey)
const proofs = (count: number): Promise<string[]> =>
  Promise.all(
    Array.from({ length: count }, () =>
      createProof({
        signer,
        method: 'POST',
        url: RESOURCE,
        jti: newId('jti', nodeRandom),
        iat: seconds(),
        accessToken: token,
      }),
    ),
  )

const guard = createTokenAuthenticator({
  issuers: [{ issuer: ISSUER, keys: staticKeys({ k1: issuer.publicKey }) }],
  clock: nodeClock,
  random: nodeRandom,
  once: createMemoryOnce({ clock: nodeClock }),
  fence: false,
  revocations: staticRevocations('expiry-is-enough'),
})

const byGuard = (proof: string): Promise<unknown> =>
  Promise.resolve(
    guard.authenticate({
      method: 'POST',
      url: RESOURCE,
      resource: RESOURCE,
      authorization: [`DPoP ${token}`],
      dpop: [proof],
    }),
  )

const as: oauth.AuthorizationServer = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }
const jwks = { keys: [{ ...publicJwkOf(issuer.publicKey), kid: 'k1', alg: 'ES256', use: 'sig' }] }
const options = {
  requireDPoP: true,
  [oauth.jwksCache]: { jwks, uat: seconds() },
  signingAlgorithms: ['ES256'],
}

const byLibrary = (proof: string): Promise<unknown> => {
  const headers = { authorization: `DPoP ${token}`, dpop: proof }
  const request = new Request(RESOURCE, { method: 'POST', headers })
  return oauth.validateJwtAccessToken(as, request, RESOURCE, options as oauth.ValidateJWTAccessTokenOptions)
}

const contenders = { guard: byGuard, oauth4webapi: byLibrary }

/** Microseconds of CPU for one, 32 at once. */
const measure = async (who: keyof typeof contenders, count: number): Promise<number> => {
  const made = await proofs(count)
  const before = process.cpuUsage()
  for (let at = 0; at < count; at += 32) await Promise.all(made.slice(at, at + 32).map(contenders[who]))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

process.on('message', (message: { readonly who?: keyof typeof contenders; readonly count?: number } | string) => {
  if (typeof message === 'string' || message.who === undefined) return
  measure(message.who, message.count ?? 0).then(
    (cpu) => process.send?.({ cpu }),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.channel?.ref()
process.send?.({ ready: true })
