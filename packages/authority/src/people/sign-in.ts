/** Signing in and out. A sign-in ends whatever session the browser had and begins a new one. */
import type { Statement } from '@credence/db'
import { refused } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, replyJson, replyRedirect } from '@credence/kit/http'
import type { PersonId } from '@credence/model'
import { z } from 'zod'
import { replyPage } from '../pages/layout.ts'
import { setupPage } from '../pages/setup-page.ts'
import { signInPage } from '../pages/sign-in-page.ts'
import { browserOf, checkCsrf, csrfToken, refuseForeignOrigin, safeReturn } from './browser.ts'
import { clearCookie, readCookie, setCookie } from './cookies.ts'
import { type Arrival, comeIn, type EnrolDeps, upstreamEnrolment } from './enrol.ts'
import { findLink } from './links.ts'
import { signInOptions, verifySignIn } from './passkeys.ts'
import { checkPersonName } from './people.ts'
import { currentSession, endSession, newSession, type SignInMethod } from './sessions.ts'
import { finishUpstream, personOfUpstream, startUpstream, UPSTREAM_COOKIE_SECONDS } from './upstream.ts'

const upstreams = (deps: EnrolDeps) => (deps.upstreamFetch === undefined ? [] : deps.upstreams)

export const showSignIn =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const returnTo = safeReturn(request.query.get('return'))
    const browser = browserOf(deps, request)
    const view = { returnTo, upstreams: upstreams(deps), waiting: returnTo.startsWith('/interaction/') }
    return replyPage(
      { title: 'Sign in', domainName: deps.domainName, body: signInPage(view), scripts: ['passkey.js'] },
      { random: deps.random, cookies: browser.setCookie },
    )
  }

export const passkeyOptions =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    refuseForeignOrigin(deps, request)
    const browser = browserOf(deps, request)
    return replyJson(await signInOptions(deps, browser.id), { headers: { 'set-cookie': browser.setCookie } })
  }

const Presented = z.object({ return: z.string().max(200).optional(), response: z.unknown() })

interface Returning {
  readonly person: PersonId
  readonly method: SignInMethod
  readonly next: string
  /** What else belongs into the batch that makes the session. */
  readonly statements?: readonly Statement[]
}

/** INVARIANT: the old session is deleted in the batch that makes the new one. */
const returning = (
  deps: EnrolDeps,
  request: EdgeRequest,
  { person, method, next, statements = [] }: Returning,
): Arrival => ({
  person,
  // Whoever is suspended was not found by passkey or account.
  stands: true,
  act: { method: 'person.sign_in', name: person, facts: { method } },
  enter: async () => {
    const session = newSession(deps, person, method)
    const old = endSession(deps, request.headers.get('cookie'))
    await deps.db.atomically([...(old === undefined ? [] : [old]), ...statements, session.statement])
    deps.log.info('signed_in', { person, method })
    return session.cookie
  },
  next,
})

export const passkeySignIn =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    refuseForeignOrigin(deps, request)
    const read = Presented.safeParse(await request.json())
    if (!read.success) throw refused('request_malformed', 'The request is not complete.', { status: 400 })
    const { next, cookie } = await comeIn(deps, async () => {
      const { person, statement } = await verifySignIn(deps, browserOf(deps, request).id, read.data.response)
      const after = safeReturn(read.data.return)
      return returning(deps, request, { person, method: 'passkey', next: after, statements: [statement] })
    })
    return replyJson({ next }, { headers: { 'set-cookie': [cookie] } })
  }

export const beginUpstream =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const browser = browserOf(deps, request)
    const { location, sealed } = await startUpstream(deps, {
      provider: request.params.id ?? '',
      browser: browser.id,
      returnTo: safeReturn(request.query.get('return')),
    })
    const cookies = [...browser.setCookie, setCookie(deps, 'upstream', sealed, UPSTREAM_COOKIE_SECONDS)]
    return replyRedirect(location, { headers: { 'set-cookie': cookies } })
  }

const queryOf = (request: EdgeRequest): string => {
  const url = request.raw.req.url ?? ''
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}

const unknownPerson = () =>
  refused('person_unknown', 'You signed in, but nobody here knows this account. Ask an owner for an invitation.', {
    status: 403,
  })

/** Back from the provider: with a link, to become a person of this domain; otherwise as one. */
const backFromUpstream = async (deps: EnrolDeps, request: EdgeRequest): Promise<Arrival> => {
  const { party, started } = await finishUpstream(deps, {
    provider: request.params.id ?? '',
    query: queryOf(request),
    sealed: readCookie(deps, request.headers, 'upstream'),
    browser: readCookie(deps, request.headers, 'browser') ?? '',
  })
  if (started.enrol !== undefined) return upstreamEnrolment(deps, started.enrol, party)
  const person = await personOfUpstream(deps, party)
  if (person === undefined) throw unknownPerson()
  return returning(deps, request, { person, method: 'upstream', next: started.returnTo })
}

export const finishUpstreamSignIn =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const { next, cookie } = await comeIn(deps, () => backFromUpstream(deps, request))
    return replyRedirect(next, { headers: { 'set-cookie': [cookie, clearCookie(deps, 'upstream')] } })
  }

const SETUP = 'setup'
const ADDRESS = /^\[|^\d+\.\d+\.\d+\.\d+$/

export const showSetup =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const browser = browserOf(deps, request)
    const offered = upstreams(deps)
    const view = {
      domainName: deps.domainName,
      upstreams: offered,
      csrf: csrfToken(deps, browser, '', SETUP),
      hostIsAddress: ADDRESS.test(new URL(deps.issuer).hostname),
    }
    const formAction = offered.map((one) => new URL(one.issuer).origin)
    return replyPage(
      { title: 'Join', domainName: deps.domainName, body: setupPage(view), scripts: ['passkey.js'] },
      { random: deps.random, cookies: browser.setCookie, csp: { formAction } },
    )
  }

export const setupUpstream =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const form = await request.form()
    checkCsrf(deps, request, form.get('csrf'), '', SETUP)
    const enrol = { token: form.require('token'), name: checkPersonName(form.require('name')) }
    await findLink(deps, enrol.token)
    const { location, sealed } = await startUpstream(deps, {
      provider: form.require('upstream'),
      browser: browserOf(deps, request).id,
      returnTo: '/account',
      enrol,
    })
    return replyRedirect(location, {
      headers: { 'set-cookie': [setCookie(deps, 'upstream', sealed, UPSTREAM_COOKIE_SECONDS)] },
    })
  }

export const ACCOUNT = 'account'

export const signOut =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const form = await request.form()
    const cookie = request.headers.get('cookie')
    const session = await currentSession(deps, cookie)
    checkCsrf(deps, request, form.get('csrf'), session?.id ?? '', ACCOUNT)
    const end = endSession(deps, cookie)
    if (end !== undefined) await deps.db.atomically([end])
    return replyRedirect('/signin', { headers: { 'set-cookie': [clearCookie(deps, 'session')] } })
  }
