/** What an operator sees: counts by route and code, the feed, the ledger, and spans below the caller's trace. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TraceContext, Tracing } from '@credence/kit/telemetry'
import { addAgent, addFiles, FILES, seedCode } from './testing/seed.ts'
import { asOperator, callApi, getToken, openWorld, type TestAgent, type World } from './testing/world.ts'

interface Span {
  readonly name: string
  readonly parent: TraceContext | undefined
  readonly attributes: string
}
const spans: Span[] = []
const tracing: Tracing = {
  span: async (name, attributes, work, parent) => {
    spans.push({ name, parent, attributes: JSON.stringify(attributes) })
    return work()
  },
}

let world: World
let agent: TestAgent
before(async () => {
  world = await openWorld({ deps: { tracing } })
  await addFiles(world)
  agent = await addAgent(world)
})
after(() => world.close())

const scrape = async (): Promise<string> => (await fetch(`${world.config.issuer}/metrics`)).text()
const sampleOf = (text: string, series: string): number => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  assert.ok(line, `no ${series} in\n${text}`)
  return Number(line.slice(series.length + 1))
}

test('metrics: requests by route, tokens, refusals by code, feed, lease, ledger, open intents', async () => {
  const { issuer } = world.config
  const before = sampleOf(await scrape(), 'credence_tokens_issued_total')
  assert.equal((await getToken(issuer, agent, { form: { resource: FILES } })).status, 200)
  const { body } = await getToken(issuer, agent, { form: { resource: `${issuer}/v1` } })
  assert.equal((await callApi(issuer, agent, String(body.access_token), 'GET', '/v1/agents')).status, 403)
  const operator = await asOperator(world)
  await operator.call('POST', `/v1/agents/${agent.clientId}/suspend`)
  assert.equal((await getToken(issuer, agent, { form: { resource: FILES } })).status, 401)
  const text = await scrape()
  assert.equal(sampleOf(text, 'credence_tokens_issued_total'), before + 3)
  assert.ok(sampleOf(text, 'credence_http_seconds_count{route="token.issue",status="2xx"}') >= 2)
  assert.ok(sampleOf(text, 'credence_http_errors_total{code="agent_not_active",route="token.issue"}') >= 1)
  assert.ok(sampleOf(text, 'credence_refusals_total{code="scope_insufficient"}') >= 1)
  assert.ok(sampleOf(text, 'credence_intents_total{method="agent.suspend"}') === 1)
  assert.ok(sampleOf(text, 'credence_feed_number') >= 1)
  assert.ok(sampleOf(text, 'credence_feed_lag_seconds') < 5)
  assert.equal(sampleOf(text, 'credence_lease_fresh'), 1)
  assert.ok(sampleOf(text, 'credence_ledger_entries') >= 4)
  assert.equal(sampleOf(text, 'credence_intents_overdue'), 0)
  assert.ok(sampleOf(text, 'credence_intents_open') >= 0)
})

test('spans: one a request, below the trace of the caller, one for the durable write, and no secret in any', async () => {
  const { issuer } = world.config
  const traceId = 'a'.repeat(32)
  spans.length = 0
  const query = await fetch(`${issuer}/readyz?access_token=sesame`, {
    headers: { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` },
  })
  assert.equal(query.status, 200)
  assert.equal(spans[0]?.name, 'GET /readyz')
  assert.equal(spans[0]?.parent?.traceId, traceId)
  const operator = await asOperator(world)
  await operator.call('POST', '/v1/owners', { name: 'accounts', kind: 'team' })
  const names = spans.map(({ name }) => name)
  assert.ok(names.includes('POST /v1/owners') && names.includes('record intent'), names.join())
  const { code } = await seedCode(world, agent.clientId)
  await getToken(issuer, agent, { form: { grant_type: 'authorization_code', code } })
  assert.doesNotMatch(JSON.stringify(spans), new RegExp(`sesame|${code}|${operator.token.slice(-20)}`))
})
