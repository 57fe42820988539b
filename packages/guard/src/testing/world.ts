/** The real parts with levers: an issuer, a client with a key, ports that can be told to fail. For tests and examples. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto'
import { createMemoryOnce, newId, type Random, unavailable } from '@credence/kit'
import { type HandClock, handClock } from '@credence/kit/testing'
import { type CallerFacts, type Decision, type Operation, revocationKeys } from '@credence/model'
import type {
  Authenticator,
  Decider,
  NewIntent,
  NewOutcome,
  NewRefusal,
  Recorder,
  RevocationHandle,
  Revocations,
} from '../ports.ts'

export const random: Random = { bytes: (length) => randomBytes(length) }
export const ISSUER = 'https://as.example'
export const RESOURCE = 'https://api.example/mcp/files'
export const DOMAIN = newId('dom', random)
export const AGENT = newId('agt', random)
export const OWNER = newId('own', random)

const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs whatever it is given: tests need what a good signer would never make. */
export const signRaw = (key: KeyObject, header: object, payload: object | string): string => {
  const body = typeof payload === 'string' ? Buffer.from(payload).toString('base64url') : segment(payload)
  const input = `${segment(header)}.${body}`
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

export const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
type Pair = ReturnType<typeof pair>

export const jwkOf = (key: KeyObject): Record<string, string> => {
  const { kty, crv, x, y } = key.export({ format: 'jwk' }) as Record<string, string>
  return { kty: kty ?? '', crv: crv ?? '', x: x ?? '', y: y ?? '' }
}

export const jktOf = (key: KeyObject): string => {
  const { crv, kty, x, y } = jwkOf(key)
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}

export interface TestIssuer {
  readonly kid: string
  readonly keys: Pair
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): string
}

/** Members that are `undefined` in `claims` or `header` are left out. */
export const testIssuer = (clock: Pick<HandClock, 'now'>, client: Pair, issuer = ISSUER): TestIssuer => {
  const keys = pair()
  const kid = 'key-1'
  return {
    kid,
    keys,
    token: (claims = {}, header = {}) => {
      const iat = Math.floor(clock.now() / 1000)
      const standard = {
        iss: issuer,
        sub: 'usr_1',
        aud: RESOURCE,
        client_id: AGENT,
        jti: newId('jti', random),
        iat,
        exp: iat + 300,
        scope: 'files.read',
        cnf: { jkt: jktOf(client.publicKey) },
        act: { iss: issuer, sub: `spiffe://as.example/agent/${AGENT}` },
        credence: { dom: DOMAIN, feed: 1, epoch: 0, agt: AGENT, own: OWNER },
      }
      return signRaw(keys.privateKey, { alg: 'ES256', typ: 'at+jwt', kid, ...header }, { ...standard, ...claims })
    },
  }
}

export interface ProofOptions {
  readonly method?: string
  readonly url?: string
  readonly token?: string
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
}

export const proofBy = (client: Pair, now: () => number, options: ProofOptions = {}): string => {
  const ath = options.token === undefined ? {} : { ath: createHash('sha256').update(options.token).digest('base64url') }
  const standard = {
    jti: randomUUID(),
    htm: options.method ?? 'POST',
    htu: options.url ?? RESOURCE,
    iat: Math.floor(now() / 1000),
    ...ath,
  }
  const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: jwkOf(client.publicKey), ...options.header }
  return signRaw(client.privateKey, header, { ...standard, ...options.claims })
}

/** The real rule of a feed, over a list in memory. */
export interface TestRevocations extends Revocations {
  revoke(key: string, number: number): void
  leaseIs: ReturnType<Revocations['lease']>
  down: boolean
}

export const testRevocations = (): TestRevocations => {
  const revoked = new Map<string, number>()
  const revocations: TestRevocations = {
    leaseIs: 'fresh',
    down: false,
    revoke: (key, number) => void revoked.set(key, number),
    lease: () => revocations.leaseIs,
    follow: (facts): RevocationHandle => {
      if (revocations.down) throw unavailable('feed_behind', 'Behind.')
      const by = (): string | undefined => revocationKeys(facts).find((key) => (revoked.get(key) ?? -1) > facts.feed)
      return {
        get revoked() {
          return by() !== undefined
        },
        get revokedBy() {
          return by()
        },
      }
    },
  }
  return revocations
}

export interface TestDecider extends Decider {
  answer: Partial<Decision> | (() => Promise<Decision>)
  asked: Operation[]
}

export const testDecider = (): TestDecider => {
  const decider: TestDecider = {
    answer: {},
    asked: [],
    decide: (operation) => {
      decider.asked.push(operation)
      if (typeof decider.answer === 'function') return decider.answer()
      return { ...yes(), ...decider.answer }
    },
  }
  return decider
}

const yes = (): Decision => ({
  id: newId('dec', random),
  effect: 'granted',
  policies: ['test'],
  policyVersion: 'v1',
  reason: 'A test says so.',
  errors: [],
  obligations: [],
})

export interface TestRecorder extends Recorder {
  down: boolean
  readonly intents: NewIntent[]
  readonly outcomes: NewOutcome[]
  readonly refusals: NewRefusal[]
}

export const testRecorder = (): TestRecorder => {
  const recorder: TestRecorder = {
    down: false,
    intents: [],
    outcomes: [],
    refusals: [],
    intent: async (entry) => {
      if (recorder.down) throw unavailable('ledger_unavailable', 'The ledger cannot be written.')
      recorder.intents.push(entry)
      return { id: newId('rec', random), index: recorder.intents.length - 1, leaf: '' }
    },
    outcome: (entry) => void recorder.outcomes.push(entry),
    refusal: (entry) => void recorder.refusals.push(entry),
  }
  return recorder
}

export const factsOf = (clock: Pick<HandClock, 'now'>, more: Partial<CallerFacts> = {}): CallerFacts => ({
  domain: DOMAIN,
  subject: { iss: ISSUER, sub: 'usr_1' },
  actors: [{ party: { iss: ISSUER, sub: 'spiffe://as.example/agent/a' }, agent: AGENT, owner: OWNER }],
  clientId: AGENT,
  audience: RESOURCE,
  scope: ['files.read'],
  authorizationDetails: [],
  proof: 'dpop',
  feed: 1,
  issuedAt: Math.floor(clock.now() / 1000),
  expiresAt: Math.floor(clock.now() / 1000) + 300,
  ...more,
})

/** Everything a pipeline needs, without tokens: the input is the facts. */
export const testPipelineDeps = (clock: HandClock = handClock()) => {
  const revocations = testRevocations()
  const authenticator: Authenticator<CallerFacts> = {
    authenticate: (facts) => ({ facts, revocation: revocations.follow(facts) as RevocationHandle }),
  }
  return { clock, random, revocations, authenticator, decider: testDecider(), recorder: testRecorder() }
}

/** A token authenticator's surroundings: issuer, client, clock past the fence. */
export const testTokens = () => {
  const clock = handClock()
  const client = pair()
  const issuer = testIssuer(clock, client)
  const once = createMemoryOnce({ clock })
  return { clock, client, issuer, once, revocations: testRevocations() }
}
