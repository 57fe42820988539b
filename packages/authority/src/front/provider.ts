/**
 * The library, configured up to the code and not one step further: code flow with PKCE, pushed requests, resource
 * indicators, rich authorization requests, DPoP binding of codes. Its token, userinfo, registration, introspection and
 * revocation endpoints are unreachable (see `edge.ts`), and it holds no session of its own.
 */
import type { EventEmitter } from 'node:events'
import type { KeyMaker } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import type {
  Configuration,
  KoaContextWithOIDC,
  default as OidcProvider,
  interactionPolicy as Policy,
} from 'oidc-provider'
import type { Resources } from '../ports.ts'
import { type AdapterDeps, libraryAdapter } from './adapter.ts'
import { checkRequestedDetail } from './authorization-details.ts'
import { type Decided, readDecided } from './decision.ts'
import { interactionPolicy, Provider } from './library.ts'
import { errors } from './library-errors.ts'

export interface ProviderDeps extends AdapterDeps {
  readonly issuer: string
  readonly resources: Resources
  readonly keys: KeyMaker
  readonly log: Logger
  readonly cookieKeys: readonly string[]
  /** A decision that will never become a code: its grant is taken back. */
  readonly abandon: (decided: Decided) => void
  readonly renderError: (ctx: KoaContextWithOIDC, error: Error) => void
}

/** Scopes that belong to no resource. */
export const OWN_SCOPES: readonly string[] = ['openid', 'offline_access']
export const INTERACTION_SECONDS = 900
/** OAuth 2.1 section 4.1.2 allows ten minutes; auditors want one. */
export const CODE_SECONDS = 60

const decidedIn = (ctx: KoaContextWithOIDC): Decided | undefined => readDecided(ctx.oidc.result?.consent)

/**
 * INVARIANT: no authorization resolves without a person's answer to exactly this request. Neither an earlier grant
 * nor an earlier session answers for them.
 */
const everyRequestNeedsAPerson = (): Policy.Prompt[] => {
  const needed = (ctx: KoaContextWithOIDC): boolean => decidedIn(ctx) === undefined
  const check = (reason: string, error: string) =>
    new interactionPolicy.Check(reason, 'a person has to decide', error, needed)
  return [
    new interactionPolicy.Prompt({ name: 'login', requestable: true }, check('decision', 'login_required')),
    new interactionPolicy.Prompt({ name: 'consent', requestable: true }, check('consent', 'consent_required')),
  ]
}

/** RFC 8707 section 2: an unknown resource is `invalid_target`. Here also: exactly one, compared byte for byte. */
const resourceInfo = (resources: Resources) => async (ctx: KoaContextWithOIDC, indicator: string) => {
  const requested = ctx.oidc.params?.resource
  if (Array.isArray(requested) && requested.length !== 1) {
    throw new errors.InvalidTarget('exactly one resource must be requested')
  }
  const resource = await resources.find(indicator)
  // NOTE: administration is not delegated on a consent page; agents that administer act for themselves.
  if (resource === undefined || resource.kind === 'authority') {
    throw new errors.InvalidTarget('the resource is not known here')
  }
  const known = new Set([...resource.scopes, ...OWN_SCOPES])
  const unknown = String(ctx.oidc.params?.scope ?? '')
    .split(' ')
    .find((scope) => scope !== '' && !known.has(scope))
  if (unknown !== undefined) throw new errors.InvalidScope('requested scope is not known for this resource', unknown)
  return { scope: resource.scopes.join(' '), audience: indicator }
}

/**
 * The library's grant is made from the decision, for this one request.
 * INVARIANT: two authorizations never share a grant. `sessionUid` of the code is the session that decided.
 */
const grantOfDecision = async (ctx: KoaContextWithOIDC) => {
  const decided = decidedIn(ctx)
  const { client, provider, params, session } = ctx.oidc
  if (decided === undefined || client === undefined || params === undefined) return undefined
  const grant = new provider.Grant({ accountId: decided.person, clientId: client.clientId })
  grant.jti = decided.grantId
  grant.addOIDCScope(decided.scope.filter((scope) => OWN_SCOPES.includes(scope)))
  const scope = decided.scope.filter((one) => !OWN_SCOPES.includes(one)).join(' ')
  if (scope !== '') grant.addResourceScope(decided.resource, scope)
  for (const detail of decided.authorizationDetails) grant.addRar({ ...detail })
  // NOTE: a client that asked by scope alone gets details too; the library wants to see that some were asked for.
  params.authorization_details = JSON.stringify(decided.authorizationDetails)
  if (session !== undefined) session.uid = decided.session
  return grant
}

const noResource = (): never => {
  throw new errors.InvalidTarget('the resource parameter is missing')
}

const neverHere = (what: string) => (): never => {
  throw new errors.InvalidRequest(`${what} is not done here`)
}

const features = (deps: ProviderDeps): NonNullable<Configuration['features']> => ({
  devInteractions: { enabled: false },
  userinfo: { enabled: false },
  rpInitiatedLogout: { enabled: false },
  dPoP: { enabled: true },
  pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: false },
  resourceIndicators: {
    enabled: true,
    defaultResource: noResource,
    useGrantedResource: () => true,
    getResourceServerInfo: resourceInfo(deps.resources),
  },
  richAuthorizationRequests: {
    enabled: true,
    types: {
      mcp_tools: { validate: (ctx, detail) => checkRequestedDetail(deps.resources, ctx.oidc.params?.resource, detail) },
    },
    authorizationDetailsForGrantSource: (ctx) =>
      [...(decidedIn(ctx)?.authorizationDetails ?? [])].map((detail) => ({ ...detail })),
    authorizationDetailsForAccessToken: neverHere('minting'),
  },
})

const configuration = (deps: ProviderDeps): Configuration => ({
  adapter: libraryAdapter(deps),
  // NOTE: the library insists on a key. It signs nothing with it: codes are opaque, and it mints nothing.
  jwks: { keys: [{ ...deps.keys.es256().privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] } as never,
  enabledJWA: {
    idTokenSigningAlgValues: ['ES256'],
    clientAuthSigningAlgValues: ['ES256'],
    dPoPSigningAlgValues: ['ES256'],
  },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  clientAuthMethods: ['none', 'private_key_jwt'],
  responseTypes: ['code'],
  scopes: [...OWN_SCOPES],
  claims: { openid: ['sub'] },
  pkce: { required: () => true },
  allowOmittingSingleRegisteredRedirectUri: false,
  routes: {
    authorization: '/authorize',
    pushed_authorization_request: '/par',
    token: '/unused/token',
    jwks: '/unused/jwks',
  },
  ttl: {
    AuthorizationCode: CODE_SECONDS,
    Interaction: INTERACTION_SECONDS,
    Session: INTERACTION_SECONDS,
    Grant: INTERACTION_SECONDS,
  },
  cookies: {
    names: { interaction: 'credence_interaction', resume: 'credence_resume', session: 'credence_unused' },
    keys: [...deps.cookieKeys],
    short: { httpOnly: true, sameSite: 'lax', signed: true },
  },
  interactions: { policy: everyRequestNeedsAPerson(), url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  loadExistingGrant: grantOfDecision,
  expiresWithSession: () => false,
  renderError: (ctx, _out, error) => deps.renderError(ctx, error),
  features: features(deps),
})

const SESSION_COOKIE = /^credence_unused/

/** Nothing of a library session reaches a browser: who is signed in is ours to say (people/sessions). */
const withoutLibrarySession = (provider: OidcProvider): void => {
  provider.use(async (ctx, next) => {
    await next()
    const cookies = ctx.res.getHeader('set-cookie')
    if (!Array.isArray(cookies)) return
    const kept = cookies.filter((cookie) => !SESSION_COOKIE.test(cookie))
    if (kept.length === 0) ctx.res.removeHeader('set-cookie')
    else ctx.res.setHeader('set-cookie', kept)
  })
}

/** Refusals and failures of the library, for operators: its answers are vague on purpose. No parameter is logged. */
const logged = (provider: OidcProvider, log: Logger): void => {
  const detail = (error: unknown): Record<string, string> => {
    const known = error as {
      readonly error?: string
      readonly error_detail?: string
      readonly error_description?: string
    }
    return { error: known.error ?? 'unknown', detail: known.error_detail ?? known.error_description ?? '' }
  }
  provider.on('authorization.error', (_ctx, error) => log.info('authorization_refused', detail(error)))
  provider.on('pushed_authorization_request.error', (_ctx, error) => log.info('par_refused', detail(error)))
  provider.on('server_error', (_ctx, error) => log.error('front_failed', { error: error.stack ?? String(error) }))
  ;(provider as EventEmitter).on('error', (error: unknown) => log.error('front_failed', { error: String(error) }))
}

/**
 * After the interaction was used up, an error means that no code will ever carry this decision's grant (the pushed
 * request was used by another page, storage failed).
 */
const abandoned = (provider: OidcProvider, abandon: ProviderDeps['abandon']): void => {
  const check = (ctx: KoaContextWithOIDC): void => {
    const decided = decidedIn(ctx)
    if (decided !== undefined) abandon(decided)
  }
  provider.on('authorization.error', check)
  provider.on('server_error', check)
}

export const createProvider = (deps: ProviderDeps): OidcProvider => {
  const provider = new Provider(deps.issuer, configuration(deps))
  // INVARIANT: safe only because the edge rebuilds Host and every forwarding header from the issuer.
  provider.proxy = true
  withoutLibrarySession(provider)
  logged(provider, deps.log)
  abandoned(provider, deps.abandon)
  return provider
}
