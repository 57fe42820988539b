/** A person's own page: what they allowed, and taking it back. */
import { refused } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, replyRedirect } from '@credence/kit/http'
import type { GrantId, Party } from '@credence/model'
import type { OwnGrants } from '../front/ports.ts'
import { type AccountView, accountPage } from '../pages/account-page.ts'
import { replyPage } from '../pages/layout.ts'
import type { Grants } from '../ports.ts'
import { browserOf, checkCsrf, csrfToken } from './browser.ts'
import type { EnrolDeps } from './enrol.ts'
import { checkPersonName, type People } from './people.ts'
import { type BrowserSession, currentSession } from './sessions.ts'
import { ACCOUNT } from './sign-in.ts'

export interface AccountDeps extends EnrolDeps {
  readonly grants: Grants & OwnGrants
  readonly people: People
}

const subjectOf = (deps: AccountDeps, session: BrowserSession): Party => ({ iss: deps.issuer, sub: session.person })

const show = async (
  deps: AccountDeps,
  request: EdgeRequest,
  session: BrowserSession,
  invitation?: NonNullable<AccountView['invitation']>,
): Promise<EdgeResponse> => {
  const browser = browserOf(deps, request)
  const view: AccountView = {
    name: session.name,
    role: session.role,
    grants: await deps.grants.listFor(subjectOf(deps, session)),
    csrf: csrfToken(deps, browser, session.id, ACCOUNT),
    ...(invitation === undefined ? {} : { invitation }),
  }
  return replyPage(
    { title: 'Your page', domainName: deps.domainName, person: session.name, body: accountPage(view) },
    { random: deps.random, cookies: browser.setCookie },
  )
}

export const showAccount =
  (deps: AccountDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const session = await currentSession(deps, request.headers.get('cookie'))
    return session === undefined ? replyRedirect('/signin?return=%2Faccount') : show(deps, request, session)
  }

const signedIn = async (deps: AccountDeps, request: EdgeRequest) => {
  const form = await request.form()
  const session = await currentSession(deps, request.headers.get('cookie'))
  if (session === undefined)
    throw refused('sign_in_needed', 'You are signed out. Please sign in again.', { status: 401 })
  checkCsrf(deps, request, form.get('csrf'), session.id, ACCOUNT)
  return { form, session }
}

/**
 * INVARIANT: an act that only reduces authority is never held up: without a ledger the revocation commits all the same,
 * and its own batch leaves the record in the outbox.
 */
const takeBack = async (deps: AccountDeps, subject: Party, grant: GrantId): Promise<void> => {
  const record = await deps.recorder
    .begin({ method: 'grant.revoke', name: grant, subject, grant })
    .catch((error: unknown) => {
      deps.log.warn('revocation_not_recorded_yet', { grant, error: String(error) })
      return undefined
    })
  try {
    await deps.grants.revoke(grant, subject, 'taken back by the person')
    record?.end('done')
  } catch (error) {
    record?.end('failed')
    throw error
  }
}

/** INVARIANT: only one's own; a foreign grant and one that never existed look the same. */
export const revokeOwnGrant =
  (deps: AccountDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const { session } = await signedIn(deps, request)
    const subject = subjectOf(deps, session)
    const own = await deps.grants.listFor(subject)
    const grant = own.find((one) => one.grantId === request.params.id)
    if (grant === undefined) throw refused('grant_unknown', 'You have no such grant, or it has ended.', { status: 404 })
    await takeBack(deps, subject, grant.grantId)
    return replyRedirect('/account')
  }

export const invite =
  (deps: AccountDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const { form, session } = await signedIn(deps, request)
    const name = form.get('name')
    const record = await deps.recorder.begin({
      method: 'person.invite',
      name: session.person,
      subject: subjectOf(deps, session),
    })
    try {
      const named = name === undefined || name === '' ? undefined : checkPersonName(name)
      const link = await deps.people.createInvitation(session.person, named)
      record.end('done')
      return await show(deps, request, session, link)
    } catch (error) {
      record.end('failed')
      throw error
    }
  }
