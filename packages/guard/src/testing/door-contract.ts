/** What every door must do, run over HTTP against each adapter in its real framework. */
import assert from 'node:assert/strict'
import { once as eventOnce } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Operation } from '@credence/model'
import { revocationKey } from '@credence/model'
import { parseChallenges, resourceMetadataUrl } from '@credence/protocol/resource-metadata'
import { createGuard, type Guard } from '../guard.ts'
import { staticKeys } from '../token/key-source.ts'
import { AGENT, DOMAIN, ISSUER, pair, proofBy, RESOURCE, testDecider, testRecorder, testTokens } from './world.ts'

export interface Door {
  readonly origin: string
  close(): Promise<void> | void
}

export interface DoorUnderTest {
  /** Starts a server whose handler calls `ran` with what it was given, and answers `{"ran":true}` or a JSON-RPC result. */
  start(guard: Guard, ran: (operation: Operation | undefined) => void): Promise<Door>
  readonly body: string
  /** The framework's own parser reads the body, and takes the last of two equal names: decision and handler agree. */
  readonly lenient?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

export const listen = async (listener: RequestListener): Promise<Door> => {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await eventOnce(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, close: () => void server.close().closeAllConnections() }
}

const world = () => {
  const tokens = testTokens()
  const decider = testDecider()
  const recorder = testRecorder()
  const { issuer, clock, once, revocations } = tokens
  const guard = createGuard({
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, keys: staticKeys({ [issuer.kid]: issuer.keys.publicKey }), domain: DOMAIN }],
    decider,
    recorder,
    revocations,
    clock,
    once,
    scope: ['files.read'],
  })
  clock.advance(6000)
  return { ...tokens, decider, recorder, guard }
}

export const doorContract = (name: string, under: DoorUnderTest): void => {
  describe(`door: ${name}`, () => {
    const w = world()
    let door: Door
    let runs: (Operation | undefined)[] = []
    before(async () => {
      door = await under.start(w.guard, (operation) => runs.push(operation))
    })
    after(() => door.close())

    const send = (headers: Record<string, string>, body = under.body): Promise<Response> => {
      runs = []
      const all = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...under.headers,
      }
      return fetch(`${door.origin}/mcp/files`, { method: 'POST', headers: { ...all, ...headers }, body })
    }
    const withToken = (token: string, key = w.client) => ({
      authorization: `DPoP ${token}`,
      dpop: proofBy(key, w.clock.now, { token }),
    })
    const refusedWith = async (response: Response, status: number): Promise<string> => {
      const text = await response.text()
      assert.equal(response.status, status, text)
      assert.deepEqual(runs, [])
      assert.ok(!/\bat .*\.ts:\d+/.test(text), 'no stack leaves')
      return text
    }
    const challenges = (response: Response) => parseChallenges(response.headers.get('www-authenticate') ?? '')

    test('allowed: the handler gets the operation that was decided on', async () => {
      const response = await send(withToken(w.issuer.token()))
      assert.equal(response.status, 200, await response.text())
      assert.equal(runs.length, 1)
      assert.equal(runs[0]?.op, w.decider.asked.at(-1)?.op)
      assert.equal(w.recorder.intents.at(-1)?.op, runs[0]?.op)
    })

    test('the outcome follows', async () => {
      const before = w.recorder.outcomes.length
      await (await send(withToken(w.issuer.token()))).text()
      for (let wait = 0; wait < 50 && w.recorder.outcomes.length === before; wait++)
        await new Promise((resolve) => setTimeout(resolve, 10))
      assert.equal(w.recorder.outcomes.at(-1)?.status, 'done')
    })

    test('missing token: 401 that leads to the metadata, without an error code', async () => {
      const response = await send({})
      await refusedWith(response, 401)
      const [first, second] = challenges(response)
      assert.deepEqual([first?.scheme, second?.scheme], ['bearer', 'dpop'])
      for (const challenge of [first, second]) {
        assert.equal(challenge?.parameters.resource_metadata, resourceMetadataUrl(RESOURCE))
        assert.equal(challenge?.parameters.scope, 'files.read')
        assert.equal(challenge?.parameters.error, undefined)
      }
    })

    test('the metadata is there for everybody', async () => {
      const response = await fetch(`${door.origin}${new URL(resourceMetadataUrl(RESOURCE)).pathname}`)
      assert.equal(response.status, 200)
      const metadata = (await response.json()) as Record<string, unknown>
      assert.equal(metadata.resource, RESOURCE)
      assert.deepEqual(metadata.authorization_servers, [ISSUER])
      assert.equal(metadata.dpop_bound_access_tokens_required, true)
    })

    test('wrong audience: invalid_token', async () => {
      const response = await send(withToken(w.issuer.token({ aud: 'https://api.example/mcp/mail' })))
      await refusedWith(response, 401)
      assert.equal(challenges(response)[0]?.parameters.error, 'invalid_token')
    })

    test('a bound token as Bearer', async () => {
      const token = w.issuer.token()
      const response = await send({ ...withToken(token), authorization: `Bearer ${token}` })
      await refusedWith(response, 401)
    })

    test('another key than the token is bound to', async () => {
      const response = await send(withToken(w.issuer.token(), pair()))
      await refusedWith(response, 401)
      assert.equal(challenges(response)[1]?.parameters.error, 'invalid_dpop_proof')
    })

    test('a replayed proof', async () => {
      const headers = withToken(w.issuer.token())
      assert.equal((await send(headers)).status, 200)
      await refusedWith(await send(headers), 401)
    })

    test('a token in the query', async () => {
      runs = []
      const url = `${door.origin}/mcp/files?access_token=${w.issuer.token()}`
      await refusedWith(await fetch(url, { method: 'POST', body: under.body }), 400)
    })

    test('missing scope: 403 that names what is missing', async () => {
      const details = [{ type: 'mcp_tools', locations: ['https://api.example/other'], tools: ['x'] }]
      const response = await send(withToken(w.issuer.token({ authorization_details: details })))
      await refusedWith(response, 403)
      assert.equal(challenges(response)[0]?.parameters.error, 'insufficient_scope')
    })

    test('policy says no: 403 with the reason, and a record', async () => {
      w.decider.answer = { effect: 'refused', reason: 'Not on Sundays.' }
      const text = await refusedWith(await send(withToken(w.issuer.token())), 403)
      w.decider.answer = {}
      assert.match(text, /Not on Sundays\./)
      assert.equal(w.recorder.refusals.at(-1)?.code, 'policy_refused')
    })

    test('the decision point is down: 503, not permission', async () => {
      w.decider.answer = () => Promise.reject(new Error('canary-connection-string'))
      const text = await refusedWith(await send(withToken(w.issuer.token())), 503)
      w.decider.answer = {}
      assert.ok(!text.includes('canary'))
    })

    test('the ledger is down: 503, not permission', async () => {
      w.recorder.down = true
      await refusedWith(await send(withToken(w.issuer.token())), 503)
      w.recorder.down = false
    })

    test('the lease is lost: 503, not permission', async () => {
      w.revocations.leaseIs = 'lost'
      await refusedWith(await send(withToken(w.issuer.token())), 503)
      w.revocations.leaseIs = 'fresh'
    })

    test('a JSON body in which a name stands twice: 400', async () => {
      const twice = under.body.replace('{', '{"jsonrpc":"2.0",').replace('{', '{"jsonrpc":"2.0",')
      const response = await send(withToken(w.issuer.token()), twice)
      if (under.lenient !== true) return void (await refusedWith(response, 400))
      assert.equal(response.status, 200, await response.text())
      assert.deepEqual(runs[0]?.arguments, { query: [], body: JSON.parse(twice) })
    })

    test('revoked: the very next call is refused', async () => {
      const token = w.issuer.token()
      assert.equal((await send(withToken(token))).status, 200)
      w.revocations.revoke(revocationKey.agent(AGENT), 2)
      const response = await send(withToken(token))
      await refusedWith(response, 401)
      assert.equal(challenges(response)[0]?.parameters.error, 'invalid_token')
      assert.equal(w.recorder.refusals.at(-1)?.code, 'token_revoked')
    })
  })
}
