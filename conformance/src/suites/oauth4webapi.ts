/** oauth4webapi as a client of our authority and of our gateway's metadata. */
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { type ForeignWorld, openForeignWorld, REDIRECT, webKey } from '../foreign.ts'
import { attempt, type Check, type Suite } from '../suite.ts'

const LOCAL = { [oauth.allowInsecureRequests]: true } as const

interface Session {
  readonly world: ForeignWorld
  readonly as: oauth.AuthorizationServer
  readonly client: oauth.Client
  readonly auth: oauth.ClientAuth
  readonly dpop: oauth.DPoPHandle
  readonly bound: Awaited<ReturnType<typeof oauth.generateKeyPair>>
}

/** The library hands the nonce to the next proof; who calls it sends the request again. */
const twice = async <T>(run: () => Promise<T>): Promise<T> => {
  try {
    return await run()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return await run()
  }
}

const open = async (world: ForeignWorld): Promise<Session> => {
  const issuer = new URL(world.issuer)
  const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...LOCAL })
  const as = await oauth.processDiscoveryResponse(issuer, discovered)
  const client: oauth.Client = { client_id: world.agent.clientId }
  const bound = await oauth.generateKeyPair('ES256')
  return {
    world,
    as,
    client,
    auth: oauth.PrivateKeyJwt(await webKey(world.agent)),
    dpop: oauth.DPoP(client, bound),
    bound,
  }
}

const pushed = async ({ world, as, client, auth, dpop }: Session) => {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const parameters = {
    response_type: 'code',
    redirect_uri: REDIRECT,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    resource: world.resource,
    authorization_details: world.details('read_text_file'),
  }
  const send = async () => {
    const response = await oauth.pushedAuthorizationRequest(as, client, auth, parameters, { DPoP: dpop, ...LOCAL })
    return await oauth.processPushedAuthorizationResponse(as, client, response)
  }
  const { request_uri } = await twice(send)
  const url = new URL(as.authorization_endpoint ?? '')
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri }).toString()
  const back = await world.person.authorize(url.href)
  return { verifier, params: oauth.validateAuthResponse(as, client, back, state) }
}

const codeFlow = async (session: Session): Promise<oauth.TokenEndpointResponse> => {
  const { as, client, auth, dpop } = session
  const { verifier, params } = await pushed(session)
  return await twice(async () => {
    const options = { DPoP: dpop, ...LOCAL }
    const response = await oauth.authorizationCodeGrantRequest(as, client, auth, params, REDIRECT, verifier, options)
    return await oauth.processAuthorizationCodeResponse(as, client, response)
  })
}

const refresh = async ({ as, client, auth, dpop }: Session, token: string): Promise<oauth.TokenEndpointResponse> =>
  await twice(async () => {
    const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, { DPoP: dpop, ...LOCAL })
    return await oauth.processRefreshTokenResponse(as, client, response)
  })

const own = async ({ world, as, client, auth, dpop }: Session): Promise<oauth.TokenEndpointResponse> =>
  await twice(async () => {
    const parameters = { resource: world.resource }
    const response = await oauth.clientCredentialsGrantRequest(as, client, auth, parameters, { DPoP: dpop, ...LOCAL })
    return await oauth.processClientCredentialsResponse(as, client, response)
  })

/** As a resource server of the domain asks. */
const introspect = async ({ world, as }: Session, token: string): Promise<oauth.IntrospectionResponse> => {
  const node = { client_id: world.node.clientId }
  const auth = oauth.PrivateKeyJwt(await webKey(world.node))
  const response = await oauth.introspectionRequest(as, node, auth, token, LOCAL)
  return await oauth.processIntrospectionResponse(as, node, response)
}

/** RFC 7662 section 4: a client that is no resource server is told nothing, not even of its own token. */
const introspectAsClient = async ({ as, client, auth }: Session, token: string): Promise<void> => {
  const response = await oauth.introspectionRequest(as, client, auth, token, LOCAL)
  await assert.rejects(oauth.processIntrospectionResponse(as, client, response), oauth.ResponseBodyError)
}

const revoke = async ({ as, client, auth }: Session, token: string): Promise<void> =>
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, LOCAL))

/** RFC 9068 and RFC 9449 as this library understands them, at a resource server. */
const validate = async (session: Session, token: string): Promise<oauth.JWTAccessTokenClaims> => {
  const { world, as, client } = session
  const jti = oauth.DPoP(client, session.bound)
  let sent: Request | undefined
  await oauth
    .protectedResourceRequest(token, 'POST', new URL(world.resource), new Headers(), '{}', {
      DPoP: jti,
      ...LOCAL,
      [oauth.customFetch]: async (url, init) => {
        sent = new Request(url, init as RequestInit)
        return new Response('{}')
      },
    })
    .catch(() => undefined)
  return await oauth.validateJwtAccessToken(as, sent ?? new Request(world.resource), world.resource, {
    requireDPoP: true,
    ...LOCAL,
  })
}

const resourceMetadata = async ({ resource, issuer }: ForeignWorld): Promise<void> => {
  const id = new URL(resource)
  const metadata = await oauth.processResourceDiscoveryResponse(id, await oauth.resourceDiscoveryRequest(id, LOCAL))
  assert.deepEqual(metadata.authorization_servers, [issuer])
  assert.equal(metadata.resource, resource)
}

/** A second use of the same refresh token. */
const refreshTwice = async (session: Session, token: string): Promise<void> => {
  await refresh(session, token)
  await assert.rejects(refresh(session, token), (error: unknown) => {
    assert.ok(error instanceof oauth.ResponseBodyError)
    return error.error === 'invalid_grant'
  })
}

const checks = async (report: (check: Check) => void, session: Session): Promise<void> => {
  let tokens: oauth.TokenEndpointResponse | undefined
  const access = (): string => tokens?.access_token ?? ''
  await attempt(report, 'authorization code with PAR, PKCE, private_key_jwt and DPoP', async () => {
    tokens = await codeFlow(session)
    assert.equal(tokens.token_type, 'dpop')
    assert.deepEqual(tokens.authorization_details, JSON.parse(session.world.details('read_text_file')))
  })
  await attempt(report, 'access token by RFC 9068 with proof', async () => {
    assert.equal((await validate(session, access())).client_id, session.client.client_id)
  })
  await attempt(report, 'refresh', async () => {
    tokens = await refresh(session, tokens?.refresh_token ?? '')
    assert.ok(tokens.refresh_token)
  })
  await attempt(report, 'introspection by a resource server', async () => {
    assert.equal((await introspect(session, access())).active, true)
  })
  await attempt(report, 'introspection by who is none', () => introspectAsClient(session, access()))
  await attempt(report, 'revocation of an access token', async () => {
    await revoke(session, access())
    assert.equal((await introspect(session, access())).active, false)
  })
  await attempt(report, 'refresh token used twice', async () => {
    await refreshTwice(session, (await codeFlow(session)).refresh_token ?? '')
  })
  await attempt(report, 'client credentials', async () => {
    const { access_token, token_type } = await own(session)
    assert.equal(token_type, 'dpop')
    assert.equal((await introspect(session, access_token)).active, true)
  })
}

export const oauth4webapi: Suite = {
  name: 'oauth4webapi',
  about: 'oauth4webapi as a foreign client of the authority',
  run: async (report) => {
    const world = await openForeignWorld()
    try {
      let session: Session | undefined
      await attempt(report, 'authorization server metadata (RFC 8414)', async () => {
        session = await open(world)
      })
      await attempt(report, 'protected resource metadata (RFC 9728)', () => resourceMetadata(world))
      if (session !== undefined) await checks(report, session)
    } finally {
      await world.close()
    }
  },
}
