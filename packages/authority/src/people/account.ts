/** A person's own page: what they allowed, and taking it back. */
import { refused } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, type Params, replyRedirect } from '@credence/kit/http'
import type { GrantId, Party } from '@credence/model'
import type { OwnGrants } from '../front/ports.ts'
import { type AccountView, accountPage } from '../pages/account-page.ts'
import { replyPage } from '../pages/layout.ts'
import type { Grants } from '../ports.ts'
import type { Shown } from './acts.ts'
import { browserOf, checkCsrf, csrfToken } from './browser.ts'
import type { EnrolDeps } from './enrol.ts'
import { checkPersonName, type People } from './people.ts'
import {
  type BrowserSession,
  currentSession,
  knownSession,
  signedOut,
  unlessSignedOut,
  whileSignedIn,
} from './sessions.ts'
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

interface AtOwnPage extends Shown {
  readonly session: BrowserSession['id']
  readonly signedIn: BrowserSession
  readonly form: Params
}

/** The session, and the form that was made for it. */
const atOwnPage = async (deps: AccountDeps, request: EdgeRequest): Promise<AtOwnPage> => {
  const form = await request.form()
  const session = await knownSession(deps, request.headers.get('cookie'))
  if (session === undefined) throw signedOut()
  checkCsrf(deps, request, form.get('csrf'), session.id, ACCOUNT)
  return { person: session.person, session: session.id, stands: session.stands, signedIn: session, form }
}

/** INVARIANT: only one's own; a foreign grant and one that never existed look the same. */
const ownGrant = async (deps: AccountDeps, { signedIn }: AtOwnPage, id: string | undefined): Promise<GrantId> => {
  const own = await deps.grants.listFor(subjectOf(deps, signedIn))
  const grant = own.find((one) => one.grantId === id)
  if (grant === undefined) throw refused('grant_unknown', 'You have no such grant, or it has ended.', { status: 404 })
  return grant.grantId
}

/** An act that only reduces authority: without a ledger it is done all the same, and leaves its record in the outbox. */
export const revokeOwnGrant =
  (deps: AccountDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    await deps.acts({
      who: () => atOwnPage(deps, request),
      what: async (who) => {
        const grant = await ownGrant(deps, who, request.params.id)
        return { act: { method: 'grant.revoke', name: grant, grant }, grant }
      },
      carryOut: ({ grant }, debt) => deps.grants.takeBack(grant, debt),
    })
    return replyRedirect('/account')
  }

export const invite =
  (deps: AccountDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    const { by, link } = await deps.acts({
      who: () => atOwnPage(deps, request),
      what: ({ person, signedIn, form }) => {
        const name = form.get('name')
        const invitee = name === undefined || name === '' ? undefined : checkPersonName(name)
        return { act: { method: 'person.invite', name: person }, by: signedIn, invitee }
      },
      carryOut: async ({ by, invitee }) => {
        const make = () => deps.people.createInvitation(by.person, invitee, whileSignedIn(deps, by.id))
        return { by, link: await unlessSignedOut(make) }
      },
    })
    return show(deps, request, by, link)
  }
