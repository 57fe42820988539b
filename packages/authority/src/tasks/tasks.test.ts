/** Marks of tasks, over real storage, and who may make one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { handClock } from '@credence/kit/testing'
import type { CallerFacts } from '@credence/model'
import { TASK_AHEAD_MS, TASK_KEEP_MS } from '@credence/sync'
import { addAgent, seedCode } from '../testing/seed.ts'
import { asOperator, callApi, getToken, newAgentKey, openWorld, type TestAgent, type World } from '../testing/world.ts'
import { createMarkRate } from './marks-of-nodes.ts'

let world: World
let node: TestAgent
let token = ''

before(async () => {
  world = await openWorld()
  const operator = await asOperator(world)
  const { key, jwk, jkt } = newAgentKey()
  const { body } = await operator.call('POST', '/v1/agents', { name: 'node', role: 'node', keys: [jwk] })
  node = { clientId: String(body.id), key, jkt }
  const { issuer } = world.config
  const answer = await getToken(issuer, node, { form: { resource: `${issuer}/v1`, scope: 'node' } })
  token = String(answer.body.access_token)
})
after(() => world.close())

const mark = (task: unknown) => callApi(world.config.issuer, node, token, 'POST', '/v1/tasks/marks', { task })
const rows = (sql: string, ...parameters: string[]) => world.authority.embedded.db.read({ sql, parameters })
const entriesOf = async (task: string): Promise<number> =>
  (await rows("SELECT body FROM feed WHERE kind = 'task'")).filter(
    ({ body }) => (JSON.parse(String(body)) as { task: string }).task === task,
  ).length
const grant = async (): Promise<string> => {
  const agent = await addAgent(world)
  return (await seedCode(world, agent.clientId)).grantId
}
const callerOf = (task: string) =>
  (task.startsWith('grt_') ? { grant: task, clientId: 'x' } : { clientId: task }) as CallerFacts
const known = async (task: string): Promise<boolean> => {
  const { tasks } = world.authority.embedded
  for (let tries = 0; tries < 50 && !tasks.untrusted(callerOf(task), false); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
  return tasks.untrusted(callerOf(task), false)
}

test('a node marks a grant: one row, one entry, known here, until the grant is over', async () => {
  const task = await grant()
  const { status, body } = await mark(task)
  assert.equal(status, 200)
  const [row] = await rows('SELECT expires FROM grants WHERE id = ?', task)
  assert.ok(Number(body.until) >= Number(row?.expires) + 300_000, 'longer than its last token')
  assert.ok(await known(task))
  assert.deepEqual((await mark(task)).body, body)
  assert.equal(await entriesOf(task), 1)
})

test('fifty at once, through the interface and in the process: one entry', async () => {
  const task = await grant()
  const { tasks } = world.authority.embedded
  const answers = await Promise.all([
    ...Array.from({ length: 25 }, async () => (await mark(task)).status),
    ...Array.from({ length: 25 }, async () => {
      await tasks.mark(callerOf(task))
      return 200
    }),
  ])
  assert.deepEqual(new Set(answers), new Set([200]))
  assert.equal(await entriesOf(task), 1)
})

test('an agent that acts for itself: a day and an hour from now', async () => {
  const began = Date.now()
  const { body } = await mark((await addAgent(world)).clientId)
  const lasts = Number(body.until) - began
  assert.ok(lasts >= TASK_KEEP_MS + TASK_AHEAD_MS && lasts < TASK_KEEP_MS + TASK_AHEAD_MS + 10_000)
})

test('what is no task is refused and leaves nothing', async () => {
  const before = (await rows('SELECT task FROM task_marks')).length
  const unknown = [newId('grt', nodeRandom), newId('agt', nodeRandom), 'nobody', 'https://x.example/', '__proto__']
  for (const task of [...unknown, node.clientId, world.operator.clientId])
    assert.equal((await mark(task)).status, 404, task)
  for (const task of ['', 'x'.repeat(129), 7, null, ['a']]) assert.equal((await mark(task)).status, 400, String(task))
  assert.equal((await rows('SELECT task FROM task_marks')).length, before)
})

test('after a start every mark that counts is known again, and before anybody is served', async () => {
  const task = await grant()
  await mark(task)
  await world.restart()
  assert.equal(world.authority.embedded.tasks.untrusted(callerOf(task), false), true)
  assert.equal(world.authority.embedded.tasks.untrusted(callerOf(await grant()), false), false)
})

test('each mark that a node makes is on record with the node and the task', async () => {
  const task = await grant()
  await mark(task)
  const operator = await asOperator(world)
  const { body } = await operator.call('GET', '/v1/audit/records?kind=intent&n=1000')
  const intents = (body.records as { record: { method: string; name: string; client: string } }[]).filter(
    ({ record }) => record.method === 'task.mark' && record.name === task,
  )
  assert.deepEqual(
    intents.map(({ record }) => record.client),
    [node.clientId],
  )
})

test('a node marks a hundred and twenty at once and then one a second, whatever it names; another node may go on', () => {
  const clock = handClock()
  const take = createMarkRate(clock)
  const many = { code: 'rate_exceeded', status: 429 }
  for (let n = 0; n < 120; n += 1) take('agt_one')
  assert.throws(() => take('agt_one'), many)
  take('agt_two')
  clock.advance(999)
  assert.throws(() => take('agt_one'), many)
  clock.advance(1)
  take('agt_one')
  assert.throws(() => take('agt_one'), many)
  clock.advance(3_600_000)
  for (let n = 0; n < 120; n += 1) take('agt_one')
  assert.throws(() => take('agt_one'), many)
})

test('a node that goes on and on is refused, and leaves no more marks than it may', async () => {
  const agent = (await addAgent(world)).clientId
  const began = Date.now()
  const statuses = await Promise.all(Array.from({ length: 200 }, async () => (await mark(agent)).status))
  const most = 121 + (Date.now() - began) / 1000
  const made = statuses.filter((status) => status === 200).length
  assert.ok(made > 0 && made <= most && statuses.includes(429), `${made} of at most ${most}`)
  assert.deepEqual(new Set(statuses), new Set([200, 429]))
  assert.ok((await entriesOf(agent)) <= made)
})
