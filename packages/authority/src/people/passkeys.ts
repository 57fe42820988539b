/** Passkeys: discoverable, user verification required, bound to the issuer's host. No password exists anywhere. */
import type { Database, Row, Statement } from '@credence/db'
import { type Clock, fromBase64url, refused, toBase64url } from '@credence/kit'
import type { DomainId, PersonId } from '@credence/model'
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { z } from 'zod'
import { mustBeOne, sql } from '../sql.ts'
import { type ChallengeDeps, claimChallenge, makeChallenge } from './challenge.ts'

/** Hundreds of modules that no token needs: loaded when somebody signs in or enrols. */
const webauthn = () => import('@simplewebauthn/server')

export interface PasskeyDeps extends ChallengeDeps {
  readonly issuer: string
  readonly domainName: string
  readonly domain: DomainId
  readonly db: Database
  readonly clock: Pick<Clock, 'now'>
}

const Text = z.string().max(16_384)
const Extensions = z.record(z.string(), z.unknown()).optional().default({})
const Common = {
  id: z.string().max(2048),
  rawId: z.string().max(2048),
  type: z.literal('public-key'),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).nullish(),
  clientExtensionResults: Extensions,
}
const Registration = z.object({
  ...Common,
  response: z.object({
    clientDataJSON: Text,
    attestationObject: z.string().max(65_536),
    transports: z.array(z.string().max(32)).max(8).optional(),
  }),
})
const Authentication = z.object({
  ...Common,
  response: z.object({
    clientDataJSON: Text,
    authenticatorData: Text,
    signature: Text,
    userHandle: z.string().max(128).nullish(),
  }),
})

const refuse = (detail: string) =>
  refused('passkey_not_accepted', 'The passkey was not accepted. Please try again.', { status: 400, detail })

const rpId = (issuer: string): string => new URL(issuer).hostname

const challengeOf = (clientDataJSON: string): string => {
  try {
    const data: unknown = JSON.parse(Buffer.from(fromBase64url(clientDataJSON)).toString('utf8'))
    return z.object({ challenge: z.string().max(256) }).parse(data).challenge
  } catch (error) {
    throw refuse(`client data: ${String(error)}`)
  }
}

export const registrationOptions = async (
  deps: PasskeyDeps,
  browser: string,
  purpose: string,
  person: { readonly id: PersonId; readonly name: string },
) =>
  (await webauthn()).generateRegistrationOptions({
    rpName: deps.domainName,
    rpID: rpId(deps.issuer),
    userName: person.name,
    userDisplayName: person.name,
    userID: new Uint8Array(Buffer.from(person.id)),
    challenge: makeChallenge(deps, browser, purpose),
    attestationType: 'none',
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: [-7, -257],
  })

export interface NewPasskey {
  readonly credentialId: string
  readonly publicKey: Uint8Array
  readonly counter: number
  readonly transports: readonly string[]
  readonly backedUp: boolean
}

/** WebAuthn section 7.1. The challenge is claimed last, so that a failed try does not use it up for an honest one. */
export const verifyRegistration = async (
  deps: PasskeyDeps,
  browser: string,
  purpose: string,
  presented: unknown,
): Promise<NewPasskey> => {
  const read = Registration.safeParse(presented)
  if (!read.success) throw refuse(read.error.message)
  const challenge = challengeOf(read.data.response.clientDataJSON)
  const { verifyRegistrationResponse } = await webauthn()
  const result = await verifyRegistrationResponse({
    response: read.data as RegistrationResponseJSON,
    expectedChallenge: challenge,
    expectedOrigin: deps.issuer,
    expectedRPID: rpId(deps.issuer),
    requireUserVerification: true,
    supportedAlgorithmIDs: [-7, -257],
  }).catch((error: unknown) => {
    throw refuse(String(error))
  })
  if (!result.verified) throw refuse('registration not verified')
  await claimChallenge(deps, challenge, browser, purpose)
  const { credential, credentialBackedUp } = result.registrationInfo
  return {
    credentialId: credential.id,
    publicKey: credential.publicKey,
    counter: credential.counter,
    transports: read.data.response.transports ?? [],
    backedUp: credentialBackedUp,
  }
}

/** INVARIANT: a credential belongs to one person for ever; a second registration of it conflicts. */
export const insertPasskey = (deps: PasskeyDeps, person: PersonId, passkey: NewPasskey): Statement =>
  mustBeOne(
    'passkey_exists',
    `insert into people_passkeys
     (domain, credential_id, person_id, public_key, counter, transports, backed_up, created_at, used_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, null) on conflict (domain, credential_id) do nothing`,
    deps.domain,
    passkey.credentialId,
    person,
    toBase64url(passkey.publicKey),
    passkey.counter,
    JSON.stringify(passkey.transports),
    passkey.backedUp ? 1 : 0,
    deps.clock.now(),
  )

export const SIGN_IN = 'sign-in'

/** No list of credentials: the person picks one of theirs, and nobody can ask which accounts exist. */
export const signInOptions = async (deps: PasskeyDeps, browser: string) =>
  (await webauthn()).generateAuthenticationOptions({
    rpID: rpId(deps.issuer),
    challenge: makeChallenge(deps, browser, SIGN_IN),
    userVerification: 'required',
    allowCredentials: [],
  })

interface PasskeyRow extends Row {
  readonly person_id: PersonId
  readonly public_key: string
  readonly counter: number
}

const findPasskey = async (deps: PasskeyDeps, credentialId: string): Promise<PasskeyRow | undefined> => {
  const [row] = await deps.db.read<PasskeyRow>(
    sql(
      `select k.person_id, k.public_key, k.counter from people_passkeys k
       join people p on p.domain = k.domain and p.person_id = k.person_id
       where k.domain = ? and k.credential_id = ? and p.status = 'active'`,
      deps.domain,
      credentialId,
    ),
  )
  return row
}

export interface SignedIn {
  readonly person: PersonId
  /** Belongs into the batch that makes the session. */
  readonly statement: Statement
}

/** WebAuthn section 7.2, for a discoverable credential: the user handle must be its owner's. */
export const verifySignIn = async (deps: PasskeyDeps, browser: string, presented: unknown): Promise<SignedIn> => {
  const read = Authentication.safeParse(presented)
  if (!read.success) throw refuse(read.error.message)
  const { id, response } = read.data
  const row = await findPasskey(deps, id)
  if (row === undefined) throw refuse('unknown credential')
  if (response.userHandle !== toBase64url(Buffer.from(row.person_id))) throw refuse('user handle of somebody else')
  const challenge = challengeOf(response.clientDataJSON)
  const { verifyAuthenticationResponse } = await webauthn()
  const result = await verifyAuthenticationResponse({
    response: read.data as AuthenticationResponseJSON,
    expectedChallenge: challenge,
    expectedOrigin: deps.issuer,
    expectedRPID: rpId(deps.issuer),
    credential: { id, publicKey: new Uint8Array(fromBase64url(row.public_key)), counter: Number(row.counter) },
    requireUserVerification: true,
  }).catch((error: unknown) => {
    throw refuse(String(error))
  })
  if (!result.verified) throw refuse('assertion not verified')
  await claimChallenge(deps, challenge, browser, SIGN_IN)
  return {
    person: row.person_id,
    statement: touchPasskey(deps, id, Number(row.counter), result.authenticationInfo.newCounter),
  }
}

/** Of two assertions with the same counter one commits (a cloned authenticator shows itself here). */
const touchPasskey = (deps: PasskeyDeps, id: string, from: number, to: number): Statement =>
  mustBeOne(
    'passkey_counter_moved',
    'update people_passkeys set counter = ?, used_at = ? where domain = ? and credential_id = ? and counter = ?',
    to,
    deps.clock.now(),
    deps.domain,
    id,
    from,
  )
