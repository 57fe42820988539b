/** The front half: people, browsers and codes. It never mints. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CredenceError, refused, toBase64url, toCredenceError } from '@credence/kit'
import { bindRoutes, type Route, replyText } from '@credence/kit/http'
import type { DomainId, GrantId } from '@credence/model'
import type Provider from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { errorBody } from '../pages/error-page.ts'
import { headersOfPage, type Page, render, replyPage } from '../pages/layout.ts'
import { PASSKEY_SCRIPT } from '../pages/passkey-script.ts'
import { STYLE } from '../pages/style.ts'
import { invite, revokeOwnGrant, showAccount } from '../people/account.ts'
import { enrolmentOptions, finishEnrolment } from '../people/enrol.ts'
import { sweepLinks } from '../people/links.ts'
import { createPeople, type People } from '../people/people.ts'
import { sweepSessions } from '../people/sessions.ts'
import {
  beginUpstream,
  finishUpstreamSignIn,
  passkeyOptions,
  passkeySignIn,
  setupUpstream,
  showSetup,
  showSignIn,
  signOut,
} from '../people/sign-in.ts'
import { keyedHash } from '../people/tokens.ts'
import type { Codes } from '../ports.ts'
import { createCodes } from './codes.ts'
import type { Decided } from './decision.ts'
import { sweepDocuments } from './documents.ts'
import {
  canonicalQuery,
  MAX_PAR_BODY,
  parsePushed,
  print,
  proofsOf,
  readBody,
  rebuiltRequest,
  type Target,
  targetOf,
} from './edge.ts'
import { allow, deny, resumesOwnDecision, showInteraction } from './interaction.ts'
import type { FrontDeps } from './ports.ts'
import { frontRoutes } from './routes.ts'

export interface Front {
  /**
   * Answers `/authorize`, `/authorize/:uid` and `/par`, and nothing else: false means that the request is not for the
   * front and was not touched. To be asked before the routes (a mount with the prefixes `/authorize` and `/par`).
   */
  handle(req: IncomingMessage, res: ServerResponse): Promise<boolean>
  /** Pages for people: `/interaction/:uid`, `/signin`, `/signout`, `/setup`, `/account` and their assets. */
  readonly routes: readonly Route[]
  /** What the token endpoint redeems. */
  readonly codes: Codes
  /** People, links for the first owner and invitations. */
  readonly people: People
  /** Deletes what has expired; to be called now and then. */
  sweep(): Promise<void>
}

const DEFAULT_SESSION_MS = 8 * 3_600_000

const complete = (deps: FrontDeps) => {
  const issuer = new URL(deps.issuer)
  if (issuer.origin !== deps.issuer)
    throw refused('issuer_not_usable', 'The issuer must be scheme, host and port, without a path.')
  if (deps.secrets.some((secret) => secret.length < 32))
    throw refused('secret_too_short', 'The front needs a secret of 32 bytes.')
  const parts = {
    ...deps,
    domainName: deps.domainName ?? issuer.host,
    upstreams: deps.upstreams ?? [],
    upstreamFetch: deps.upstreamFetch,
    sessionLifetime: deps.sessionLifetime ?? DEFAULT_SESSION_MS,
  }
  return { ...parts, people: createPeople(parts) }
}

type Complete = ReturnType<typeof complete>

const errorPageOf = (deps: Complete, error: { code: string; message: string }): Page => ({
  title: 'That did not work',
  domainName: deps.domainName,
  body: errorBody({ title: 'That did not work', message: error.message, code: error.code }),
})

const pageOfError = (deps: Complete, nonce: string, error: { code: string; message: string }): string =>
  render(errorPageOf(deps, error), nonce).toString()

/** Errors of the library that may not leave by redirect. Nothing of the request is reflected. */
const renderLibraryError = (deps: Complete) => (ctx: KoaContextWithOIDC, error: Error) => {
  const known = error as Error & {
    readonly error?: string
    readonly error_description?: string
    readonly expose?: boolean
  }
  const exposed = known.expose === true
  const nonce = toBase64url(deps.random.bytes(16))
  const message = exposed
    ? (known.error_description ?? 'The request was not understood.')
    : 'Something went wrong on our side.'
  const code = exposed ? (known.error ?? 'invalid_request') : 'server_error'
  ctx.set(headersOfPage(nonce))
  ctx.type = 'html'
  ctx.body = pageOfError(deps, nonce, { code, message })
}

const sendPage = (deps: Complete, res: ServerResponse, error: CredenceError): void => {
  const nonce = toBase64url(deps.random.bytes(16))
  res.writeHead(error.status, { ...headersOfPage(nonce), 'content-type': 'text/html; charset=utf-8' })
  res.end(pageOfError(deps, nonce, error))
}

/** RFC 6749 section 5.2 */
const sendJson = (res: ServerResponse, error: CredenceError): void => {
  const standard = error.standard ?? (error.kind === 'refused' ? 'invalid_request' : 'server_error')
  res.writeHead(error.status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...error.headers })
  res.end(JSON.stringify({ error: standard, error_description: error.message }))
}

type Library = (req: IncomingMessage, res: ServerResponse) => Promise<void>

const methodNotAllowed = (allowed: string) =>
  refused('method_not_allowed', `Only ${allowed} is answered here.`, { status: 405, headers: { allow: allowed } })

type Form = ReturnType<typeof parsePushed>

/** RFC 9449 section 10.1: a proof with the pushed request stands for `dpop_jkt`; where both are sent they name one key. */
const boundToKey = (form: Form, jkt: string): Form => {
  const named = form.get('dpop_jkt')
  if (named !== undefined && named !== jkt) {
    throw refused('dpop_jkt_mismatch', 'dpop_jkt is not the key of the proof.', {
      status: 400,
      standard: 'invalid_dpop_proof',
    })
  }
  return new Map([...form, ['dpop_jkt', jkt]])
}

const handlePushed = async (deps: Complete, library: Library, req: IncomingMessage, res: ServerResponse) => {
  const body = await readBody(req, MAX_PAR_BODY)
  const form = parsePushed(req.headers['content-type'], body)
  const authorization = req.headers.authorization
  if (authorization !== undefined) {
    throw refused('client_authentication_unsupported', 'Clients authenticate with private_key_jwt here.', {
      status: 401,
      standard: 'invalid_client',
    })
  }
  const proven = await deps.checkProof?.(proofsOf(req))
  const bound = proven === undefined ? form : boundToKey(form, proven.jkt)
  await deps.authenticateClient?.({ form })
  const wanted = { method: 'POST', url: '/par', body: print(bound), proofChecked: proven !== undefined } as const
  await library(rebuiltRequest(req, new URL(deps.issuer), wanted), res)
}

const handleBrowser = async (
  deps: Complete,
  library: Library,
  target: Target,
  req: IncomingMessage,
  res: ServerResponse,
) => {
  const issuer = new URL(deps.issuer)
  if (target.uid !== undefined) {
    if (!(await resumesOwnDecision(deps, target.uid, req.headers.cookie))) {
      throw refused('session_changed', 'You signed out or in again meanwhile. Please start again from the agent.', {
        status: 403,
      })
    }
    await library(rebuiltRequest(req, issuer, { method: 'GET', url: `/authorize/${target.uid}` }), res)
    return
  }
  const query = canonicalQuery(target.query)
  await library(rebuiltRequest(req, issuer, { method: 'GET', url: `/authorize?${query}` }), res)
}

const handler = (deps: Complete, provider: () => Promise<Provider>) => {
  const library: Library = async (req, res) => {
    await (await provider()).callback()(req, res)
  }
  return async (req: IncomingMessage, res: ServerResponse): Promise<boolean> => {
    const target = targetOf(req.url ?? '')
    if (target === undefined) return false
    try {
      if (req.method !== target.method) throw methodNotAllowed(target.method)
      if (target.endpoint === 'par') await handlePushed(deps, library, req, res)
      else await handleBrowser(deps, library, target, req, res)
    } catch (caught) {
      const error = toCredenceError(caught)
      if (error.kind !== 'refused') deps.log.error('front_failed', { code: error.code, detail: error.detail })
      if (res.headersSent) res.destroy()
      else if (target.endpoint === 'par') sendJson(res, error)
      else sendPage(deps, res, error)
    }
    return true
  }
}

const asset = (type: string, text: string) => () =>
  replyText(text, { headers: { 'content-type': type, 'cache-control': 'public, max-age=300' } })

/** Errors of pages as pages of ours, with our style; nothing private in them. */
const withErrorPage = (deps: Complete, route: Route): Route => {
  if (route.errors !== 'html') return route
  const handler: Route['handler'] = async (request) => {
    try {
      return await route.handler(request)
    } catch (caught) {
      const error = toCredenceError(caught)
      if (error.kind !== 'refused')
        deps.log.error('page_failed', { route: route.name, code: error.code, detail: error.detail })
      else deps.log.info('page_refused', { route: route.name, code: error.code, detail: error.detail })
      return replyPage(errorPageOf(deps, error), { random: deps.random, status: error.status })
    }
  }
  return { ...route, handler }
}

const routesOf = (deps: Complete, provider: () => Promise<Provider>): Route[] => {
  const interaction = { ...deps, provider }
  const routes = bindRoutes(frontRoutes, {
    'interaction.show': showInteraction(interaction),
    'interaction.allow': allow(interaction),
    'interaction.deny': deny(interaction),
    'signin.show': showSignIn(deps),
    'signin.passkey_options': passkeyOptions(deps),
    'signin.passkey': passkeySignIn(deps),
    'signin.upstream': beginUpstream(deps),
    'signin.callback': finishUpstreamSignIn(deps),
    signout: signOut(deps),
    'setup.show': showSetup(deps),
    'setup.passkey_options': enrolmentOptions(deps),
    'setup.passkey': finishEnrolment(deps),
    'setup.upstream': setupUpstream(deps),
    'account.show': showAccount(deps),
    'account.revoke': revokeOwnGrant(deps),
    'account.invite': invite(deps),
    'asset.passkey': asset('text/javascript; charset=utf-8', PASSKEY_SCRIPT),
    'asset.style': asset('text/css; charset=utf-8', STYLE),
  })
  return routes.map((route) => withErrorPage(deps, route))
}

const abandonGrant =
  (deps: Complete) =>
  (decided: Decided): void => {
    const subject = { iss: deps.issuer, sub: decided.person }
    deps.grants
      .revoke(decided.grantId as GrantId, subject, 'no code was issued')
      .catch((error: unknown) =>
        deps.log.error('grant_not_abandoned', { grant: decided.grantId, error: String(error) }),
      )
  }

const sweep = (deps: Complete) => async (): Promise<void> => {
  const domain: DomainId = deps.domain
  const now = deps.clock.now()
  await deps.db.atomically([sweepDocuments(domain, now), sweepSessions(domain, now), sweepLinks(domain, now)])
}

/** No token needs the library, and loading it takes longer than anything else of a start: the first person loads it. */
const whenNeeded = (deps: Complete): (() => Promise<Provider>) => {
  const make = async (): Promise<Provider> => {
    const { createProvider } = await import('./provider.ts')
    const cookieKeys = deps.secrets.map((secret) => keyedHash({ secrets: [secret] }, 'cookie', 'library'))
    return createProvider({
      ...deps,
      cookieKeys,
      abandon: abandonGrant(deps),
      renderError: renderLibraryError(deps),
    })
  }
  let made: Promise<Provider> | undefined
  return () => {
    made ??= make()
    return made
  }
}

export const createFront = (input: FrontDeps): Front => {
  const deps = complete(input)
  const provider = whenNeeded(deps)
  return {
    handle: handler(deps, provider),
    routes: routesOf(deps, provider),
    codes: createCodes(deps),
    people: deps.people,
    sweep: sweep(deps),
  }
}
