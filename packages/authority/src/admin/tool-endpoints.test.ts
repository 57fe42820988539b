/** What is said of tools changes what is permitted: it leaves a trace, and a misspelt name is not silence. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addFiles } from '../testing/seed.ts'
import { asOperator, callApi, getToken, newAgentKey, openWorld, type World } from '../testing/world.ts'

type Operator = Awaited<ReturnType<typeof asOperator>>
interface Shown {
  readonly labels: Record<string, unknown>
  readonly mappings?: Record<string, unknown>
  readonly mappedDefinitions?: Record<string, string>
  readonly tools: readonly { name: string; hash: string }[]
}

let world: World
let operator: Operator
let tell: (description: string) => Promise<unknown>
before(async () => {
  world = await openWorld()
  const { issuer } = world.config
  await addFiles(world)
  operator = await asOperator(world)
  const { key, jwk, jkt } = newAgentKey()
  const added = await operator.call('POST', '/v1/agents', { name: 'gateway', keys: [jwk], role: 'node' })
  const node = { clientId: String(added.body.id), key, jkt }
  const given = await getToken(issuer, node, { form: { resource: `${issuer}/v1`, scope: 'node' } })
  tell = async (description) => {
    const tools = [{ name: 'read_file', description }]
    const token = String(given.body.access_token)
    const told = await callApi(issuer, node, token, 'PUT', '/v1/servers/files/tools', { tools })
    assert.ok(told.status < 300, JSON.stringify(told.body))
  }
})
after(() => world.close())

const mappingTo = (type: string) => ({
  evaluation: { action: { name: 'read' }, resource: { type, id: '$params.arguments.path' } },
})
const put = async (what: 'labels' | 'mappings', said: Record<string, unknown>, more = {}): Promise<number> =>
  (await operator.call('PUT', `/v1/servers/files/${what}`, { [what]: said, ...more })).status
const shown = async () => (await operator.call('GET', '/v1/servers/files')).body as unknown as Shown

type Facts = Record<string, string | number | readonly string[]>
const factsOf = async (method: string): Promise<readonly Facts[]> => {
  const { body } = await operator.call('GET', '/v1/audit/records?n=100')
  const { records } = body as unknown as {
    records: { index: number; record: { kind: string; method?: string; facts?: Facts } }[]
  }
  return records
    .filter(({ record }) => record.kind === 'intent' && record.method === method)
    .sort((a, b) => a.index - b.index)
    .map(({ record }) => record.facts ?? {})
}

test('before a server has told its tools there is nothing to compare a name with', async () => {
  assert.equal(await put('labels', { read_file: { effect: 'read' } }), 200)
  assert.equal((await shown()).mappedDefinitions, undefined)
})

test('records say what was in force before and what is after: labels by value, mappings by hash', async () => {
  await tell('Reads.')
  assert.equal(await put('labels', { read_file: { effect: 'read', publicData: true } }), 200)
  assert.deepEqual((await factsOf('server.label')).at(-1), {
    before: ['read_file={"effect":"read"}'],
    after: ['read_file={"effect":"read","publicData":true}'],
  })
  for (const type of ['doc', 'anything']) assert.equal(await put('mappings', { read_file: mappingTo(type) }), 200)
  assert.equal(await put('mappings', { read_file: null }), 200)
  const [first, second, third] = (await factsOf('server.label')).slice(-3)
  assert.deepEqual(first?.before, ['read_file=none'])
  assert.match(String(first?.after), /^read_file=[\w-]{43}$/)
  assert.deepEqual(second?.before, first?.after)
  assert.notDeepEqual(second?.after, first?.after)
  assert.deepEqual([third?.before, third?.after], [second?.after, ['read_file=none']])
})

test('what is said of a tool that the server does not have is refused, unless it is meant; taking away is not', async () => {
  const before = await shown()
  for (const name of ['read_fil', 'Read_file', 'read_file ', 'constructor']) {
    const said = JSON.parse(`{${JSON.stringify(name)}:{"effect":"read"}}`)
    assert.equal(await put('labels', said), 409, name)
    assert.equal(
      await put('mappings', JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(mappingTo('doc'))}}`)),
      409,
    )
  }
  assert.equal(await put('mappings', { read_file: mappingTo('doc'), reed_file: mappingTo('doc') }), 409)
  assert.deepEqual(await shown(), before)
  assert.equal(await put('mappings', { later: mappingTo('doc') }, { force: true }), 200)
  assert.equal(await put('mappings', { later: null }), 200)
})

test('a mapping is bound to the definition that it was set for: when that changes, record and server say so', async () => {
  await tell('Reads.')
  assert.equal(await put('mappings', { read_file: mappingTo('doc') }), 200)
  const { mappedDefinitions, tools } = await shown()
  assert.equal(mappedDefinitions?.read_file, tools[0]?.hash)
  await tell('Reads.')
  assert.deepEqual((await factsOf('server.tools')).at(-1), { tools: 1 })
  await tell('Reads, and the path is now called file.')
  assert.deepEqual((await factsOf('server.tools')).at(-1), { tools: 1, mappingsOutdated: ['read_file'] })
  const now = await shown()
  assert.notEqual(now.mappedDefinitions?.read_file, now.tools[0]?.hash)
  assert.equal(await put('mappings', { read_file: mappingTo('doc') }), 200)
  assert.equal((await shown()).mappedDefinitions?.read_file, now.tools[0]?.hash)
  assert.equal(await put('mappings', { read_file: null }), 200)
  assert.equal((await shown()).mappedDefinitions, undefined)
})
