/** `POST /v1/records` as a node uses it, and as somebody would who wants to write into the domain's ledger. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeRecord } from '@credence/audit'
import { newId } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { addAgent, addFiles, FILES, seedCode } from '../testing/seed.ts'
import { asOperator, callApi, getToken, newAgentKey, openWorld, type TestAgent, type World } from '../testing/world.ts'

interface Result {
  readonly id: string
  readonly ok: boolean
  readonly index?: number
  readonly leaf?: string
  readonly code?: string
  readonly retry?: boolean
}

describe('the records of a node', () => {
  let world: World
  let issuer: string
  let node: TestAgent
  let other: TestAgent
  let token: string

  const addNode = async (name: string): Promise<TestAgent> => {
    const operator = await asOperator(world)
    const { key, jwk, jkt } = newAgentKey()
    const { body } = await operator.call('POST', '/v1/agents', { name, role: 'node', keys: [jwk] })
    return { clientId: String(body.id), key, jkt }
  }
  const tokenOf = async (agent: TestAgent, scope: string): Promise<string> => {
    const { status, body } = await getToken(issuer, agent, { form: { resource: `${issuer}/v1`, scope } })
    assert.equal(status, 200, JSON.stringify(body))
    return String(body.access_token)
  }

  before(async () => {
    world = await openWorld()
    issuer = world.config.issuer
    await addFiles(world)
    node = await addNode('gateway')
    other = await addNode('gateway-2')
    token = await tokenOf(node, 'node')
  })
  after(() => world.close())

  const record = (more: object = {}): Record<string, unknown> => ({
    v: 1,
    id: newId('rec', nodeRandom),
    domain: world.authority.embedded.domain.id,
    at: 1,
    emitter: `${node.clientId}#run`,
    seq: 1,
    kind: 'refusal',
    code: 'not_granted',
    reason: 'No policy permits this.',
    resource: FILES,
    ...more,
  })
  const post = (records: unknown, by: TestAgent = node, bearer: string = token) =>
    callApi(issuer, by, bearer, 'POST', '/v1/records', { records })
  const resultsOf = async (...records: unknown[]): Promise<readonly Result[]> => {
    const { status, body } = await post(records)
    assert.equal(status, 200, JSON.stringify(body))
    return body.results as readonly Result[]
  }
  const entries = async (): Promise<readonly Record<string, unknown>[]> => {
    const { ledger } = world.authority.embedded
    const found: Record<string, unknown>[] = []
    for await (const { entry } of ledger.entries(0, ledger.size()))
      found.push(decodeRecord(entry) as unknown as Record<string, unknown>)
    return found
  }
  const written = async (id: unknown): Promise<number> => (await entries()).filter((one) => one.id === id).length

  test('what is answered is in the ledger, at that place', async () => {
    const mine = record()
    const [result] = await resultsOf(mine)
    assert.equal(result?.ok, true)
    assert.deepEqual((await entries())[result?.index ?? -1], mine)
  })

  test('a record that may not be written is refused alone; the good one beside it is taken', async () => {
    const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
      ['record_emitter', record({ emitter: `${other.clientId}#run` })],
      ['record_emitter', record({ emitter: 'authority#run' })],
      ['record_emitter', record({ emitter: `${node.clientId}x#run` })],
      ['record_other_domain', record({ domain: newId('dom', nodeRandom) })],
      ['record_malformed', record({ unknown: 1 })],
      ['record_malformed', record({ kind: 'consent' })],
      ['record_malformed', record({ id: 'rec_short' })],
      ['record_has_secret', record({ reason: `Bearer ${'a'.repeat(40)}` })],
      ['record_too_large', record({ resource: 'x'.repeat(2_048), client: 'y'.repeat(2_048) })],
    ]
    const good = record({ seq: 2 })
    const results = await resultsOf(...wrong.map(([, one]) => one), good)
    for (const [index, [code, one]] of wrong.entries()) {
      assert.deepEqual([results[index]?.ok, results[index]?.code, results[index]?.retry], [false, code, false])
      assert.equal(await written(one.id), 0, code)
    }
    assert.equal(results.at(-1)?.ok, true)
    assert.equal(await written(good.id), 1)
  })

  test('what only the authority writes, no node does: an epoch, a withdrawal', async () => {
    const { kind: _kind, code: _code, resource: _resource, ...base } = record()
    const epoch = { ...base, kind: 'epoch', epoch: 99 }
    const by = { iss: issuer, sub: 'usr_x' }
    const reduction = { ...base, id: newId('rec', nodeRandom), kind: 'reduction', feed: 1, keys: ['grant:grt_x'], by }
    const results = await resultsOf(epoch, reduction)
    assert.deepEqual(
      results.map(({ code }) => code),
      ['record_kind', 'record_kind'],
    )
  })

  test('a batch beyond the bound, an empty one, and what is no batch are refused whole', async () => {
    const size = world.authority.embedded.ledger.size()
    const many = (count: number) => Array.from({ length: count }, () => ({}))
    for (const records of [[], many(1_001), many(1_025), {}, 'x', [1], [null], undefined]) {
      const { status, body } = await post(records)
      assert.equal(status, 400, JSON.stringify(body))
    }
    const tooLong = await post([record({ reason: 'x'.repeat(1_100_000) })])
    assert.equal(tooLong.status, 413, JSON.stringify(tooLong.body))
    const ours = (await entries()).slice(size).filter(({ emitter }) => String(emitter).startsWith(node.clientId))
    assert.deepEqual(ours, [])
  })

  test('a retry has the first receipt, also after a restart and with a new token; a hundred at once are one entry', async () => {
    const mine = record()
    const answers = await Promise.all(Array.from({ length: 100 }, () => resultsOf(mine)))
    const first = answers[0]?.[0]
    assert.equal(first?.ok, true)
    for (const [answer] of answers) assert.deepEqual(answer, first)
    await world.restart()
    token = await tokenOf(node, 'node')
    assert.deepEqual((await resultsOf(mine))[0], first)
    assert.equal(await written(mine.id), 1)
  })

  test('the same id with other content is a conflict, and the first stays; so it is between two nodes', async () => {
    const mine = record()
    const [first] = await resultsOf(mine)
    const [conflict] = await resultsOf({ ...mine, reason: 'Something else.' })
    assert.deepEqual(conflict, { id: mine.id, ok: false, code: 'record_conflict', retry: false })
    const theirs = { ...mine, emitter: `${other.clientId}#run` }
    const { body } = await post([theirs], other, await tokenOf(other, 'node'))
    assert.equal((body.results as Result[])[0]?.code, 'record_conflict')
    assert.deepEqual((await entries())[first?.index ?? -1], mine)
  })

  test('one batch with a record twice writes it once', async () => {
    const mine = record()
    const [one, two] = await resultsOf(mine, mine)
    assert.equal(one?.ok, true)
    assert.deepEqual(one, two)
    assert.equal(await written(mine.id), 1)
  })

  test("an agent, an operator, a person's agent and a node without the scope write nothing", async () => {
    const agent = await addAgent(world)
    const operator = await asOperator(world)
    const resource = `${issuer}/v1`
    const seeded = await seedCode(world, agent.clientId, { resource, scope: 'node' })
    const ofPerson = await getToken(issuer, agent, { form: seeded.form })
    assert.equal(ofPerson.status, 200, JSON.stringify(ofPerson.body))
    const elsewhere = await getToken(issuer, node, { form: { resource: FILES } })
    const callers: readonly (readonly [string, TestAgent, string, number])[] = [
      ['an agent', agent, String((await getToken(issuer, agent, { form: { resource } })).body.access_token), 403],
      ['an agent for a person', agent, String(ofPerson.body.access_token), 403],
      ['the operator', world.operator, operator.token, 403],
      ['a node that may only ask for decisions', node, await tokenOf(node, 'decide'), 403],
      ['a node with a token for something else', node, String(elsewhere.body.access_token), 401],
      ["a thief of the node's token", agent, token, 401],
      ['nobody', node, 'x.y.z', 401],
    ]
    for (const [who, caller, bearer, status] of callers) {
      const mine = record()
      const answer = await post([mine], caller, bearer)
      assert.equal(answer.status, status, `${who}: ${JSON.stringify(answer.body)}`)
      assert.equal(await written(mine.id), 0, who)
    }
  })

  test('a node that was suspended writes nothing any more, with the token it still has', async () => {
    const operator = await asOperator(world)
    const mine = record({ emitter: `${other.clientId}#run` })
    const theirs = await tokenOf(other, 'node')
    await operator.call('POST', `/v1/agents/${other.clientId}/suspend`)
    assert.equal((await post([mine], other, theirs)).status, 401)
    assert.equal(await written(mine.id), 0)
  })
})
