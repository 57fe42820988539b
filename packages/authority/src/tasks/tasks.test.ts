/** Marks of tasks, over real storage, and who may make one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import type { CallerFacts } from '@credence/model'
import { TASK_AHEAD_MS, TASK_KEEP_MS } from '@credence/sync'
import { addAgent, seedCode } from '../testing/seed.ts'
import { asOperator, callApi, getToken, newAgentKey, openWorld, type TestAgent, type World } from '../testing/world.ts'

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
  const { body } = await mark(node.clientId)
  const lasts = Number(body.until) - began
  assert.ok(lasts >= TASK_KEEP_MS + TASK_AHEAD_MS && lasts < TASK_KEEP_MS + TASK_AHEAD_MS + 10_000)
})

test('what is no task is refused and leaves nothing', async () => {
  const before = (await rows('SELECT task FROM task_marks')).length
  assert.equal((await mark(newId('grt', nodeRandom))).status, 404)
  for (const task of ['', 'x'.repeat(2_049), 7, null, ['a']]) assert.equal((await mark(task)).status, 400, String(task))
  assert.equal((await rows('SELECT task FROM task_marks')).length, before)
})

test('after a start every mark that counts is known again, and before anybody is served', async () => {
  const task = await grant()
  await mark(task)
  await world.restart()
  assert.equal(world.authority.embedded.tasks.untrusted(callerOf(task), false), true)
  assert.equal(world.authority.embedded.tasks.untrusted(callerOf(await grant()), false), false)
})
