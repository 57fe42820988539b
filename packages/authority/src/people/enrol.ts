/** How somebody becomes a person of this domain: a one-time link, and a passkey or an account elsewhere. */
import { BatchConflict, type Database, type Statement } from '@credence/db'
import { newId, refused } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, replyJson } from '@credence/kit/http'
import type { Logger } from '@credence/kit/telemetry'
import type { Party, PersonId } from '@credence/model'
import { z } from 'zod'
import type { ActsOfPeople, Shown, Wanted } from './acts.ts'
import { type BrowserDeps, browserOf, refuseForeignOrigin } from './browser.ts'
import { consumeLink, findLink, type Link, type LinkDeps, linkNotValid } from './links.ts'
import { insertPasskey, type PasskeyDeps, registrationOptions, verifyRegistration } from './passkeys.ts'
import { checkPersonName, insertPerson } from './people.ts'
import { newSession, type SessionDeps, type SignInMethod } from './sessions.ts'
import { handleHash } from './tokens.ts'
import { insertUpstream, type UpstreamDeps } from './upstream.ts'

export interface EnrolDeps extends LinkDeps, PasskeyDeps, SessionDeps, UpstreamDeps, BrowserDeps {
  readonly db: Database
  readonly log: Logger
  readonly acts: ActsOfPeople
}

const Begin = z.object({ token: z.string().min(20).max(128), name: z.string().max(400) })
const Finish = Begin.extend({ person: z.string().regex(/^usr_[A-Za-z0-9_-]{22}$/), response: z.unknown() })

const read = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const result = schema.safeParse(value)
  if (!result.success) throw refused('request_malformed', 'The request is not complete.', { status: 400 })
  return result.data
}

/** The challenge is for this link and this new person only. */
const purpose = (token: string, person: string): string => `enrol:${handleHash(token)}:${person}`

export const enrolmentOptions =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    refuseForeignOrigin(deps, request)
    const { token, name } = read(Begin, await request.json())
    await findLink(deps, token)
    const browser = browserOf(deps, request)
    const person: PersonId = newId('usr', deps.random)
    const publicKey = await registrationOptions(deps, browser.id, purpose(token, person), {
      id: person,
      name: checkPersonName(name),
    })
    return replyJson({ person, publicKey }, { headers: { 'set-cookie': browser.setCookie } })
  }

interface Enrolment {
  readonly link: Link
  readonly person: PersonId
  readonly name: string
  readonly method: SignInMethod
  readonly credential: Statement
}

const conflictAsRefusal = (error: unknown): never => {
  if (!(error instanceof BatchConflict)) throw error
  if (error.conflict === 'upstream_taken' || error.conflict === 'passkey_exists') {
    throw refused('already_enrolled', 'This passkey or account belongs to somebody here already.', { status: 409 })
  }
  throw linkNotValid()
}

/** Somebody who comes in: what that is as an act, and the batch that lets them in. It answers with their cookie. */
export interface Arrival extends Shown, Wanted {
  readonly enter: () => Promise<string>
  readonly next: string
}

export interface Arrived extends Pick<Arrival, 'person' | 'next'> {
  readonly cookie: string
}

export const comeIn = (deps: Pick<EnrolDeps, 'acts'>, who: () => Promise<Arrival>): Promise<Arrived> =>
  deps.acts({
    who,
    what: (arrival) => arrival,
    carryOut: async ({ person, next, enter }) => ({ person, next, cookie: await enter() }),
  })

/**
 * INVARIANT: link, person, credential and session commit together; of any number of tries with one link one commits,
 * and a try that fails uses nothing up.
 */
const enrolment = (deps: EnrolDeps, { link, person, name, method, credential }: Enrolment): Arrival => ({
  person,
  stands: true,
  act: { method: 'person.enrol', name: person, facts: { role: link.role, link: link.kind, method } },
  enter: async () => {
    const session = newSession(deps, person, method)
    const batch = [consumeLink(deps, link), insertPerson(deps, person, name, link), credential, session.statement]
    await deps.db.atomically(batch).catch(conflictAsRefusal)
    deps.log.info('person_enrolled', { person, role: link.role, method })
    return session.cookie
  },
  next: '/account',
})

export const finishEnrolment =
  (deps: EnrolDeps) =>
  async (request: EdgeRequest): Promise<EdgeResponse> => {
    refuseForeignOrigin(deps, request)
    const { token, name, person: id, response } = read(Finish, await request.json())
    const { person, cookie, next } = await comeIn(deps, async () => {
      const link = await findLink(deps, token)
      const passkey = await verifyRegistration(deps, browserOf(deps, request).id, purpose(token, id), response)
      const credential = insertPasskey(deps, id as PersonId, passkey)
      return enrolment(deps, {
        link,
        person: id as PersonId,
        name: checkPersonName(name),
        method: 'passkey',
        credential,
      })
    })
    return replyJson({ person, next }, { headers: { 'set-cookie': [cookie] } })
  }

export const upstreamEnrolment = async (
  deps: EnrolDeps,
  started: { readonly token: string; readonly name: string },
  party: Party,
): Promise<Arrival> => {
  const link = await findLink(deps, started.token)
  const person: PersonId = newId('usr', deps.random)
  return enrolment(deps, {
    link,
    person,
    name: checkPersonName(started.name),
    method: 'upstream',
    credential: insertUpstream(deps, person, party),
  })
}
