/**
 * Challenges for passkeys: random, short-lived, made for one browser and one purpose, used once. They carry their own
 * keyed hash, so that nothing has to be stored until one is used.
 */
import { type Clock, fromBase64url, type Once, type Random, refused, toBase64url } from '@credence/kit'
import type { DomainId } from '@credence/model'
import { type FrontSecrets, isKeyedHash, keyedHash } from './tokens.ts'

export interface ChallengeDeps extends FrontSecrets {
  readonly domain: DomainId
  readonly once: Once
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

const LIFETIME_MS = 5 * 60_000
const RANDOM = 16
const TIME = 8

export const makeChallenge = (deps: ChallengeDeps, browser: string, purpose: string): Uint8Array<ArrayBuffer> => {
  const head = new Uint8Array(RANDOM + TIME)
  head.set(deps.random.bytes(RANDOM))
  new DataView(head.buffer).setBigUint64(RANDOM, BigInt(deps.clock.now() + LIFETIME_MS))
  const mac = Buffer.from(keyedHash(deps, 'challenge', toBase64url(head), browser, purpose), 'base64url')
  const challenge = new Uint8Array(head.length + mac.length)
  challenge.set(head)
  challenge.set(mac, head.length)
  return challenge
}

const notValid = () =>
  refused('challenge_not_valid', 'That took too long or was tried twice. Please try again.', { status: 400 })

const endOf = (deps: ChallengeDeps, challenge: string, browser: string, purpose: string): number => {
  const bytes = fromBase64url(challenge)
  const head = bytes.slice(0, RANDOM + TIME)
  const mac = toBase64url(bytes.slice(RANDOM + TIME))
  if (head.length !== RANDOM + TIME) throw notValid()
  if (!isKeyedHash(deps, 'challenge', mac, toBase64url(head), browser, purpose)) throw notValid()
  return Number(new DataView(head.buffer, head.byteOffset).getBigUint64(RANDOM))
}

/** WebAuthn section 13.4.3: the challenge is ours, fresh, and seen for the first time. */
export const claimChallenge = async (
  deps: ChallengeDeps,
  challenge: string,
  browser: string,
  purpose: string,
): Promise<void> => {
  const until = endOf(deps, challenge, browser, purpose)
  if (until <= deps.clock.now()) throw notValid()
  if (!(await deps.once.claim('webauthn_challenge', `${deps.domain}:${challenge}`, until))) throw notValid()
}
