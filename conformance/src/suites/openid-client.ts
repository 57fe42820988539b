/** openid-client as a client of our authority: the higher-level library, with OpenID discovery. */
import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { type ForeignWorld, openForeignWorld, REDIRECT, webKey } from '../foreign.ts'
import { attempt, type Check, type Suite } from '../suite.ts'

interface Session {
  readonly world: ForeignWorld
  readonly config: client.Configuration
  readonly dpop: client.DPoPHandle
}

const open = async (world: ForeignWorld): Promise<Session> => {
  const metadata = { id_token_signed_response_alg: 'ES256' }
  const config = await client.discovery(
    new URL(world.issuer),
    world.agent.clientId,
    metadata,
    client.PrivateKeyJwt(await webKey(world.agent)),
    { execute: [client.allowInsecureRequests] },
  )
  return { world, config, dpop: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) }
}

const authorized = async ({ world, config, dpop }: Session) => {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = await client.buildAuthorizationUrlWithPAR(
    config,
    {
      redirect_uri: REDIRECT,
      scope: 'openid',
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      resource: world.resource,
      authorization_details: world.details('read_text_file', 'write_file'),
    },
    { DPoP: dpop },
  )
  const back = await world.person.authorize(url.href, { tools: ['read_text_file'] })
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }
  return { back, checks }
}

/** RFC 9207: an answer that names another issuer is not taken by the library; ours names the right one. */
const otherIssuer = async (session: Session): Promise<void> => {
  const { back, checks } = await authorized(session)
  assert.equal(back.searchParams.get('iss'), session.world.issuer)
  back.searchParams.set('iss', 'https://evil.example')
  await assert.rejects(client.authorizationCodeGrant(session.config, back, checks, undefined, { DPoP: session.dpop }))
}

const checks = async (report: (check: Check) => void, session: Session): Promise<void> => {
  const { config, dpop, world } = session
  let tokens: client.TokenEndpointResponse | undefined
  await attempt(report, 'authorization code with PAR, PKCE, DPoP and ID token', async () => {
    const { back, checks: expected } = await authorized(session)
    const answer = await client.authorizationCodeGrant(config, back, expected, undefined, { DPoP: dpop })
    assert.match(answer.claims()?.sub ?? '', /^usr_/)
    assert.deepEqual(
      answer.authorization_details,
      JSON.parse(world.details('read_text_file')),
      'no more than was chosen',
    )
    tokens = answer
  })
  await attempt(report, 'refresh', async () => {
    tokens = await client.refreshTokenGrant(config, tokens?.refresh_token ?? '', undefined, { DPoP: dpop })
  })
  await attempt(report, 'revocation of a refresh token ends its family', async () => {
    const token = tokens?.refresh_token ?? ''
    await client.tokenRevocation(config, token)
    await assert.rejects(
      client.refreshTokenGrant(config, token, undefined, { DPoP: dpop }),
      (error: unknown) => error instanceof client.ResponseBodyError && error.error === 'invalid_grant',
    )
  })
  await attempt(report, 'client credentials', async () => {
    const own = await client.clientCredentialsGrant(config, { resource: world.resource }, { DPoP: dpop })
    assert.equal(own.token_type, 'dpop')
  })
  await attempt(report, 'issuer of the authorization response', () => otherIssuer(session))
}

export const openidClient: Suite = {
  name: 'openid-client',
  about: 'openid-client as a foreign client of the authority',
  run: async (report) => {
    const world = await openForeignWorld()
    try {
      let session: Session | undefined
      await attempt(report, 'OpenID discovery', async () => {
        session = await open(world)
      })
      if (session !== undefined) await checks(report, session)
    } finally {
      await world.close()
    }
  },
}
