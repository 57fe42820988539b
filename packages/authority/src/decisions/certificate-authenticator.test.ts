/** What ends a client certificate: its time, its key, its agent, its owner, and a node that knows nothing new. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createPipeline } from '@credence/guard'
import { testPipelineDeps } from '@credence/guard/testing'
import { refused } from '@credence/kit'
import { revocationKey } from '@credence/model'
import { certificateAuthenticator, type PresentedCaller } from './certificate-authenticator.ts'
import { keyThumbprint } from './certificate-key.ts'

const dir = mkdtempSync(join(tmpdir(), 'credence-cert-'))
after(() => rmSync(dir, { recursive: true, force: true }))

const certificate = (name: string, algorithm: readonly string[]): X509Certificate => {
  const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)]
  const newKey = ['-newkey', ...algorithm, '-nodes', '-keyout', key]
  execFileSync('openssl', ['req', '-x509', ...newKey, '-subj', '/CN=envoy', '-days', '1', '-out', cert], {
    stdio: 'ignore',
  })
  return new X509Certificate(readFileSync(cert))
}
const leaf = certificate('envoy', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'])
const jkt = keyThumbprint(leaf) ?? ''

const AGENT = { id: `agt_${'A'.repeat(22)}`, owner: `own_${'A'.repeat(22)}`, spiffeId: 'spiffe://x/agent/a' }
const RESOURCE = 'https://as.example/v1'

/** NOTE: the time is that of the certificate, which was made now. */
const setUp = () => {
  const deps = testPipelineDeps()
  let now = Date.now()
  const clock = { now: () => now, monotonic: () => now }
  const blocked = new Set<string>()
  const feed = { number: 5, follow: deps.revocations.follow }
  const lines: Record<string, unknown>[] = []
  let lookedUp = 0
  const tokens = {
    authenticate: (): never => {
      throw refused('token_missing', 'No token.', { status: 401 })
    },
  }
  const by = { kind: 'hash', sha256: leaf.fingerprint256.replaceAll(':', '').toLowerCase() } as const
  const authenticator = certificateAuthenticator(tokens, {
    callers: [{ name: 'envoy', agent: AGENT.id, by }],
    directory: { agent: (id: string) => (id === AGENT.id ? (AGENT as never) : undefined) },
    domain: { id: `dom_${'A'.repeat(22)}` as never, issuer: 'https://as.example' },
    clock,
    feed,
    blocked: async (key) => {
      lookedUp += 1
      return blocked.has(key)
    },
    log: { warn: (event, fields = {}) => void lines.push({ event, ...fields }) },
  })
  const presented = (shown = leaf): PresentedCaller => ({
    method: 'POST',
    url: RESOURCE,
    resource: RESOURCE,
    authorization: [],
    dpop: [],
    certificate: { leaf: shown, chained: false, error: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  })
  const pipeline = createPipeline<PresentedCaller>({ ...deps, clock, authenticator })
  const ask = async (shown = leaf): Promise<string> => {
    try {
      return await pipeline({
        input: presented(shown),
        map: () => ({ resource: RESOURCE, method: 'decision.evaluate', name: '', arguments: {} }),
        send: () => ({ value: 'answered' }),
      })
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  }
  const wait = (ms: number): void => {
    now += ms
  }
  return { ...deps, ask, blocked, feed, lines, wait, lookedUp: () => lookedUp }
}

test('its key, its agent, its owner and its name are what revocations name; each is refused at once, and during a decision', async () => {
  const keys = [
    revocationKey.proofKey(jkt),
    revocationKey.agent(AGENT.id),
    revocationKey.client(AGENT.id),
    revocationKey.owner(AGENT.owner),
    revocationKey.party({ iss: 'https://as.example', sub: AGENT.spiffeId }),
    revocationKey.domain(`dom_${'A'.repeat(22)}`),
  ]
  for (const key of keys) {
    const between = setUp()
    assert.equal(await between.ask(), 'answered')
    between.revocations.revoke(key, 6)
    assert.equal(await between.ask(), 'token_revoked', key)
    const during = setUp()
    during.decider.answer = async () => {
      during.revocations.revoke(key, 6)
      during.decider.answer = {}
      return (await during.decider.decide({} as never, {} as never)) as never
    }
    assert.equal(await during.ask(), 'token_revoked', `during the decision: ${key}`)
  }
})

test('a key that was revoked before this node started is refused, and whatever is resumed does not bring it back', async () => {
  const world = setUp()
  world.blocked.add(revocationKey.proofKey(jkt))
  assert.equal(await world.ask(), 'token_revoked')
  world.feed.number = 9
  assert.equal(await world.ask(), 'token_revoked')
})

test('an agent that is resumed is answered again', async () => {
  const world = setUp()
  world.revocations.revoke(revocationKey.agent(AGENT.id), 6)
  assert.equal(await world.ask(), 'token_revoked')
  world.feed.number = 7
  assert.equal(await world.ask(), 'answered')
})

test('a node without a lease, or behind, answers nobody', async () => {
  const world = setUp()
  assert.equal(await world.ask(), 'answered')
  world.revocations.leaseIs = 'lost'
  assert.match(await world.ask(), /lease|stale|unavailable|revocations/)
  const behind = setUp()
  behind.revocations.down = true
  assert.equal(await behind.ask(), 'feed_behind')
})

test('a certificate that expires on a connection that stays is refused from then on', async () => {
  const world = setUp()
  assert.equal(await world.ask(), 'answered')
  world.wait(Date.parse(leaf.validTo) - Date.now() - 20_000)
  assert.equal(await world.ask(), 'answered')
  world.wait(25_000)
  assert.equal(await world.ask(), 'token_missing')
  assert.equal(world.lines[0]?.envoy, 'expired, or not yet valid')
})

test('one that asks often is followed once, and looked at again within a minute', async () => {
  const world = setUp()
  for (let at = 0; at < 100; at += 1) assert.equal(await world.ask(), 'answered')
  assert.equal(world.lookedUp(), 1)
  world.wait(31_000)
  assert.equal(await world.ask(), 'answered')
  assert.equal(world.lookedUp(), 2)
})

test('why a certificate stands for nobody is in the log, ten times a minute at most, without anything it says of itself', async () => {
  const world = setUp()
  const other = certificate('other', ['rsa:2048'])
  for (let at = 0; at < 30; at += 1) assert.equal(await world.ask(other), 'token_missing')
  assert.equal(world.lines.length, 10)
  assert.deepEqual(world.lines[0], {
    event: 'decision_caller_unmatched',
    certificate: other.fingerprint256,
    handshake: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    envoy: 'another certificate',
  })
  world.wait(60_000)
  await world.ask(other)
  assert.equal(world.lines.length, 11)
})

test('keys of every kind have a thumbprint', () => {
  const prints = [jkt, ...[['rsa:2048'], ['ed25519']].map((kind) => keyThumbprint(certificate(kind[0] ?? '', kind)))]
  assert.equal(new Set(prints).size, 3)
  for (const print of prints) assert.match(print ?? '', /^[\w-]{43}$/)
})
