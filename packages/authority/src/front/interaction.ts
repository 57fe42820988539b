/** The pages between a request and its code: sign in, look, decide. */
import { BatchConflict, type Database, type Statement } from '@credence/db'
import { type Clock, type Random, refused } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, Params, replyRedirect } from '@credence/kit/http'
import type { Logger } from '@credence/kit/telemetry'
import type { DomainId, GrantId, Party } from '@credence/model'
import type Provider from 'oidc-provider'
import { consentPage } from '../pages/consent-page.ts'
import { replyPage } from '../pages/layout.ts'
import type { ActOfPerson, ActsOfPeople, Shown, Wanted } from '../people/acts.ts'
import { type BrowserDeps, browserOf, checkCsrf, csrfToken } from '../people/browser.ts'
import {
  type BrowserSession,
  currentSession,
  knownSession,
  type SessionDeps,
  unlessSignedOut,
  whileSignedIn,
} from '../people/sessions.ts'
import type { Clients, Grants, NewGrant, Resources } from '../ports.ts'
import { type Asked, askedFor, grantOfAnswer, type RequestParameters, shownHash } from './consent.ts'
import { allowedResult, type Decided, deniedResult } from './decision.ts'
import { type DocumentKey, decideInteraction, findDocument, type StoredDocument } from './documents.ts'
import { errors } from './library-errors.ts'

export interface InteractionDeps extends BrowserDeps, SessionDeps {
  readonly issuer: string
  readonly domain: DomainId
  readonly domainName: string
  readonly db: Database
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly clients: Clients
  readonly resources: Resources
  readonly grants: Grants
  readonly acts: ActsOfPeople
  readonly provider: () => Promise<Provider>
}

const expired = () =>
  refused('request_expired', 'This request has expired, was answered already, or was opened in another browser.', {
    status: 400,
  })

interface Open {
  readonly uid: string
  readonly key: DocumentKey
  readonly stored: StoredDocument
  readonly parameters: RequestParameters
  readonly returnTo: string
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/** The library's signed cookie ties the interaction to the browser in which it began. */
const libraryInteraction = async (deps: InteractionDeps, request: EdgeRequest): Promise<string> => {
  try {
    const details = await (await deps.provider()).interactionDetails(request.raw.req, request.raw.res)
    return details.uid
  } catch (error) {
    if (error instanceof errors.SessionNotFound) throw expired()
    throw error
  }
}

const openInteraction = async (deps: InteractionDeps, request: EdgeRequest): Promise<Open> => {
  const uid = request.params.uid ?? ''
  if ((await libraryInteraction(deps, request)) !== uid) throw expired()
  const key: DocumentKey = { domain: deps.domain, model: 'Interaction', handle: uid }
  const stored = await findDocument(deps.db, key)
  if (stored === undefined || stored.consumedAt !== undefined) throw expired()
  const { params, returnTo, iat } = stored.payload
  return {
    uid,
    key,
    stored,
    parameters: params as RequestParameters,
    returnTo: String(returnTo),
    startedAt: Number(iat) * 1000,
  }
}

/** OpenID Connect Core section 3.1.2.1: `prompt=login` and `max_age` ask for a fresh sign-in. */
const freshEnough = (open: Open, session: BrowserSession): boolean => {
  const { prompt, max_age } = open.parameters
  const again = String(prompt ?? '')
    .split(' ')
    .includes('login')
  if (again && session.authTime < open.startedAt) return false
  if (max_age === undefined) return true
  return session.authTime >= open.startedAt - Number(max_age) * 1000
}

const about = (uid: string): string => `interaction:${uid}`

const toSignIn = (uid: string): EdgeResponse =>
  replyRedirect(`/signin?return=${encodeURIComponent(`/interaction/${uid}`)}`)

export const showInteraction =
  (deps: InteractionDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const open = await openInteraction(deps, request)
    const session = await currentSession(deps, request.headers.get('cookie'))
    if (session === undefined || !freshEnough(open, session)) return toSignIn(open.uid)
    const asked = await askedFor(deps, open.parameters)
    const browser = browserOf(deps, request)
    const form = {
      action: `/interaction/${open.uid}`,
      csrf: csrfToken(deps, browser, session.id, about(open.uid)),
      shown: shownHash(asked.view),
    }
    return replyPage(
      { title: 'Allow?', domainName: deps.domainName, person: session.name, body: consentPage(asked.view, form) },
      { random: deps.random, cookies: browser.setCookie, csp: { formAction: redirectSource(asked.redirectUri) } },
    )
  }

/** Browsers apply `form-action` to the redirects after a form, too: the answer may go to the client and nowhere else. */
const redirectSource = (uri: string): string[] => {
  const url = URL.parse(uri)
  if (url === null) return []
  return [url.origin === 'null' ? url.protocol : url.origin]
}

interface Answering extends Shown {
  readonly session: BrowserSession['id']
  readonly signedIn: BrowserSession
  readonly form: Params
}

/** Servers have hundreds of tools: more fields than an ordinary form may have. The route bounds the bytes. */
const consentForm = async (request: EdgeRequest): Promise<Params> => {
  if (request.headers.get('content-type')?.split(';')[0]?.trim() !== 'application/x-www-form-urlencoded') {
    throw refused('content_type_wrong', 'The answer must be a form.', { status: 415 })
  }
  const text = new TextDecoder('utf-8', { fatal: false }).decode(await request.body())
  return new Params(new URLSearchParams(text)).refuseRepeated(['tool'])
}

/** The session, and the form that was made for it and for this request. */
const answering = async (deps: InteractionDeps, request: EdgeRequest): Promise<Answering> => {
  const form = await consentForm(request)
  const session = await knownSession(deps, request.headers.get('cookie'))
  if (session === undefined) throw signedOut()
  checkCsrf(deps, request, form.get('csrf'), session.id, about(request.params.uid ?? ''))
  return { person: session.person, session: session.id, stands: session.stands, signedIn: session, form }
}

const signedOut = () => refused('sign_in_needed', 'You are signed out. Please open the request again.', { status: 401 })

/** INVARIANT: what is answered is the request of this browser, by somebody who signed in as it demands. */
const answered = async (deps: InteractionDeps, request: EdgeRequest, { signedIn }: Answering): Promise<Open> => {
  const open = await openInteraction(deps, request)
  if (!freshEnough(open, signedIn)) throw refused('sign_in_needed', 'Please sign in again first.', { status: 401 })
  return open
}

const oneAnswer = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BatchConflict && error.conflict === 'interaction_decided') throw expired()
    throw error
  }
}

const decidedBy = (session: BrowserSession, grantId: string, grant: NewGrant): Decided => ({
  grantId,
  person: session.person,
  session: session.id,
  authTime: Math.floor(session.authTime / 1000),
  resource: grant.resource,
  scope: [...grant.scope],
  authorizationDetails: grant.authorizationDetails.map((detail) => ({ ...detail, tools: [...detail.tools] })),
})

const allowing = (grantId: GrantId, grant: NewGrant): ActOfPerson => ({
  method: 'grant.allow',
  name: grantId,
  client: grant.clientId,
  grant: grantId,
  facts: {
    resource: grant.resource,
    tools: grant.authorizationDetails.flatMap((detail) => detail.tools),
    expires_at: grant.expiresAt,
    evidence: grant.evidence,
    session: grant.session ?? null,
  },
})

interface Yes extends Wanted {
  readonly batch: readonly Statement[]
  readonly returnTo: string
}

const yes = async (deps: InteractionDeps, request: EdgeRequest, who: Answering): Promise<Yes> => {
  const open = await answered(deps, request, who)
  const asked: Asked = await askedFor(deps, open.parameters)
  const { form, signedIn } = who
  const subject: Party = { iss: deps.issuer, sub: who.person }
  const answer = { shown: form.require('shown'), tools: form.all('tool'), duration: form.require('duration') }
  const grant = grantOfAnswer(asked, answer, { subject, session: who.session }, deps)
  const { grantId, statements } = deps.grants.createStatements(grant)
  const payload = { ...open.stored.payload, result: allowedResult(decidedBy(signedIn, grantId, grant)) }
  const decide = decideInteraction(open.key, payload, deps.clock.now())
  const batch = [whileSignedIn(deps, who.session), decide, ...statements]
  return { act: allowing(grantId, grant), batch, returnTo: open.returnTo }
}

/** INVARIANT: the grant and the answer commit together, while the session stands; of many answers to one request one commits, with one grant. */
export const allow =
  (deps: InteractionDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const returnTo = await deps.acts({
      who: () => answering(deps, request),
      what: (who) => yes(deps, request, who),
      carryOut: async ({ batch, returnTo }) => {
        await oneAnswer(() => unlessSignedOut(() => deps.db.atomically(batch)))
        return returnTo
      },
    })
    return replyRedirect(returnTo)
  }

/** Gives nothing and takes nothing that anybody had: no act, and so no record. */
export const deny =
  (deps: InteractionDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const who = await answering(deps, request)
    if (!who.stands) throw signedOut()
    const open = await answered(deps, request, who)
    const payload = { ...open.stored.payload, result: { ...deniedResult('the person said no'), session: who.session } }
    await oneAnswer(() => deps.db.atomically([decideInteraction(open.key, payload, deps.clock.now())]))
    return replyRedirect(open.returnTo)
  }

/**
 * Between the answer and the code the browser comes back once. INVARIANT: it must be the browser session that decided;
 * a signed-out or swapped session gets no code.
 */
export const resumesOwnDecision = async (
  deps: Pick<InteractionDeps, 'db' | 'domain'> & SessionDeps,
  uid: string,
  cookieHeader: string | undefined,
): Promise<boolean> => {
  const stored = await findDocument(deps.db, { domain: deps.domain, model: 'Interaction', handle: uid })
  const result = stored?.payload.result as { consent?: { session?: unknown }; session?: unknown } | undefined
  if (result === undefined) return true
  const session = await currentSession(deps, cookieHeader)
  return session !== undefined && session.id === (result.consent?.session ?? result.session)
}
