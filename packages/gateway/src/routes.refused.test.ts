/** The door of the gateway: who has no token for this server is refused before anything is recorded or asked. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { opensIntent, refusedCaller } from '@credence/kit/testing'
import { fetch } from 'undici'
import { type Harness, httpUpstream, startFixture, startHarness } from './testing/harness.ts'

let harness: Harness
let fixture: Awaited<ReturnType<typeof startFixture>>
before(async () => {
  fixture = await startFixture()
  const make = httpUpstream(fixture.url)
  harness = await startHarness({ upstreams: { fixture: make, other: make } })
})
after(async () => {
  await harness?.close()
  fixture?.close()
})

const request = {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'x' } },
  }),
}
const callWith = async (token: string): Promise<number> =>
  (await harness.authorized(token)(harness.urlOf('fixture'), request)).status

const past = Math.floor(Date.now() / 1000) - 3600

refusedCaller('mcp.message', async (route) => {
  const intents = harness.recorder.intents.length
  const seen = (await fixture.seen()).length
  const bare = await fetch(harness.urlOf('fixture'), request)
  assert.equal(bare.status, 401, 'no token')
  assert.match(bare.headers.get('www-authenticate') ?? '', /resource_metadata=/)
  const stolen = { ...request.headers, authorization: `DPoP ${harness.token('fixture')}` }
  assert.equal((await fetch(harness.urlOf('fixture'), { ...request, headers: stolen })).status, 401, 'without its key')
  assert.equal(await callWith(harness.token('other')), 401, 'a token for another server')
  assert.equal(await callWith(harness.token('fixture', { iat: past, exp: past + 300 })), 401, 'an old token')
  const elsewhere = { credence: { dom: 'dom_AAAAAAAAAAAAAAAAAAAAAA', feed: 1, epoch: 0 } }
  assert.equal(await callWith(harness.token('fixture', elsewhere)), 401, 'a token of another domain')
  assert.equal(harness.recorder.intents.length, intents, `${route}: a refused call opened an intent`)
  assert.equal((await fixture.seen()).length, seen, `${route}: a refused call was sent on`)
  return bare.status
})

opensIntent('mcp.message', async () => {
  const before = harness.recorder.intents.length
  assert.equal(await callWith(harness.token('fixture')), 200)
  return harness.recorder.intents.slice(before).filter(({ method }) => method === 'tools/call').length
})

test('metrics count calls by route and refusals by code, and hold no secret', async () => {
  const token = harness.token('fixture')
  assert.equal(await callWith(token), 200)
  const text = await (await fetch(new URL('/metrics', harness.base))).text()
  assert.match(text, /credence_http_seconds_count\{route="mcp\.message",status="2xx"\} [1-9]/)
  assert.match(text, /credence_intents_total\{method="tools\/call"\} [1-9]/)
  assert.match(text, /credence_outcomes_total\{status="done"\} [1-9]/)
  assert.match(text, /credence_refusals_total\{code="[a-z_]+"\} [1-9]/)
  assert.match(text, /credence_lease_fresh 1/)
  assert.doesNotMatch(text, new RegExp(token.slice(-20)))
})
