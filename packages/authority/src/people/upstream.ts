/**
 * Sign-in through a company's own OpenID provider. Who somebody is, is the pair (issuer, subject) and nothing else:
 * never an e-mail address, which can be given to somebody else or claimed by anybody.
 */
import type { Database, Row, Statement } from '@credence/db'
import { type Clock, type Once, type Random, refused, toBase64url, unavailable } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import type { DomainId, Party, PersonId } from '@credence/model'
import type * as Oidc from 'openid-client'
import { z } from 'zod'
import { mustBeOne, sql } from '../sql.ts'
import { type FrontSecrets, handleHash, seal, unseal } from './tokens.ts'

/** Loaded when the first person signs in elsewhere. */
const openid = () => import('openid-client')

export interface UpstreamProvider {
  /** Stands in our URLs: lower-case letters, digits and `-`. */
  readonly id: string
  /** What the button says. */
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string
}

export interface UpstreamDeps extends FrontSecrets {
  readonly issuer: string
  readonly domain: DomainId
  readonly db: Database
  readonly once: Once
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly upstreams: readonly UpstreamProvider[]
  readonly upstreamFetch: SafeFetch | undefined
}

const LIFETIME_MS = 10 * 60_000
export const UPSTREAM_COOKIE_SECONDS = LIFETIME_MS / 1000

/** What waits in the browser, sealed, while the person is at their provider. */
const Started = z.strictObject({
  provider: z.string(),
  browser: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  until: z.number(),
  returnTo: z.string(),
  /** Present when somebody enrols with a link. */
  enrol: z.strictObject({ token: z.string(), name: z.string() }).optional(),
})
export type Started = z.infer<typeof Started>

const throughSafeFetch =
  (safeFetch: SafeFetch): Oidc.CustomFetch =>
  async (url, options) => {
    const body = options.body === undefined || options.body === null ? undefined : String(options.body)
    const answer = await safeFetch(url, {
      method: options.method === 'POST' ? 'POST' : 'GET',
      headers: options.headers,
      ...(body === undefined ? {} : { body }),
    })
    const headers = new Headers(answer.headers)
    headers.delete('content-encoding')
    headers.delete('content-length')
    return new Response(Buffer.from(answer.bytes), { status: answer.status, headers })
  }

const discover = async (deps: UpstreamDeps, provider: UpstreamProvider): Promise<Oidc.Configuration> => {
  if (deps.upstreamFetch === undefined) throw unavailable('upstream_not_configured', 'Sign-in elsewhere is not set up.')
  const oidc = await openid()
  const authentication =
    provider.clientSecret === undefined ? oidc.None() : oidc.ClientSecretPost(provider.clientSecret)
  // NOTE: plain http reaches only hosts that the owner allowed by name; the safe fetcher decides that, not this line.
  const insecure = provider.issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : []
  return oidc.discovery(new URL(provider.issuer), provider.clientId, undefined, authentication, {
    [oidc.customFetch]: throughSafeFetch(deps.upstreamFetch),
    execute: insecure,
    timeout: 10,
  })
}

const providerOf = (deps: UpstreamDeps, id: string): UpstreamProvider => {
  const provider = deps.upstreams.find((one) => one.id === id)
  if (provider === undefined) throw refused('upstream_unknown', 'No such sign-in.', { status: 404 })
  return provider
}

const reached = async <T>(provider: UpstreamProvider, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    throw unavailable('upstream_unavailable', `${provider.name} does not answer as expected. Please try again.`, {
      cause,
      detail: String(cause),
    })
  }
}

const callbackUrl = (deps: UpstreamDeps, id: string): string => `${deps.issuer}/signin/callback/${id}`

export interface StartOptions {
  readonly provider: string
  readonly browser: string
  readonly returnTo: string
  readonly enrol?: { readonly token: string; readonly name: string }
}

/** OpenID Connect Core section 3.1.2.1 with state, nonce and PKCE, each random and each for this one try. */
export const startUpstream = async (
  deps: UpstreamDeps,
  options: StartOptions,
): Promise<{ readonly location: string; readonly sealed: string }> => {
  const provider = providerOf(deps, options.provider)
  const config = await reached(provider, () => discover(deps, provider))
  const random = () => toBase64url(deps.random.bytes(32))
  const started: Started = {
    provider: provider.id,
    browser: handleHash(options.browser),
    state: random(),
    nonce: random(),
    verifier: random(),
    until: deps.clock.now() + LIFETIME_MS,
    returnTo: options.returnTo,
    ...(options.enrol === undefined ? {} : { enrol: options.enrol }),
  }
  const oidc = await openid()
  const location = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callbackUrl(deps, provider.id),
    scope: 'openid',
    state: started.state,
    nonce: started.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(started.verifier),
    code_challenge_method: 'S256',
  })
  return { location: location.href, sealed: seal(deps, deps.random, 'upstream', started) }
}

const notExpected = () =>
  refused('upstream_answer_not_expected', 'This sign-in was not started here, or it took too long. Please try again.', {
    status: 400,
  })

const startedOf = (deps: UpstreamDeps, provider: string, sealed: string | undefined, browser: string): Started => {
  const read = Started.safeParse(sealed === undefined ? undefined : unseal(deps, 'upstream', sealed))
  if (!read.success) throw notExpected()
  const started = read.data
  const mine = started.provider === provider && started.browser === handleHash(browser)
  if (!mine || started.until <= deps.clock.now()) throw notExpected()
  return started
}

const exchange = async (config: Oidc.Configuration, url: URL, started: Started): Promise<Party> => {
  const oidc = await openid()
  const tokens = await oidc.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: started.verifier,
    expectedState: started.state,
    expectedNonce: started.nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  if (claims === undefined) throw notExpected()
  return { iss: claims.iss, sub: claims.sub }
}

/** The answer of the provider. INVARIANT: its state is used once; `iss`, signature, audience and nonce are checked. */
export const finishUpstream = async (
  deps: UpstreamDeps,
  options: {
    readonly provider: string
    readonly query: string
    readonly sealed: string | undefined
    readonly browser: string
  },
): Promise<{ readonly party: Party; readonly started: Started }> => {
  const provider = providerOf(deps, options.provider)
  const started = startedOf(deps, provider.id, options.sealed, options.browser)
  if (!(await deps.once.claim('upstream_state', `${deps.domain}:${started.state}`, started.until))) throw notExpected()
  const config = await reached(provider, () => discover(deps, provider))
  const url = new URL(`${callbackUrl(deps, provider.id)}?${options.query}`)
  const party = await exchange(config, url, started).catch((cause: unknown) => {
    throw refused('upstream_answer_not_accepted', `The answer of ${provider.name} was not accepted.`, {
      status: 400,
      cause,
      detail: String(cause),
    })
  })
  if (party.iss !== provider.issuer) throw notExpected()
  return { party, started }
}

/** INVARIANT: by (issuer, subject), byte for byte. */
export const personOfUpstream = async (deps: UpstreamDeps, party: Party): Promise<PersonId | undefined> => {
  const [row] = await deps.db.read<Row & { readonly person_id: PersonId }>(
    sql(
      `select u.person_id from people_upstreams u
       join people p on p.domain = u.domain and p.person_id = u.person_id
       where u.domain = ? and u.iss = ? and u.sub = ? and p.status = 'active'`,
      deps.domain,
      party.iss,
      party.sub,
    ),
  )
  return row?.person_id
}

export const insertUpstream = (deps: UpstreamDeps, person: PersonId, party: Party): Statement =>
  mustBeOne(
    'upstream_taken',
    `insert into people_upstreams (domain, iss, sub, person_id, created_at) values (?, ?, ?, ?, ?)
     on conflict (domain, iss, sub) do nothing`,
    deps.domain,
    party.iss,
    party.sub,
    person,
    deps.clock.now(),
  )
