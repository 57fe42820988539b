/** The agent SDK against the real authority: a person is asked once, and the gateway takes what came. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createAgent } from '@credence/agent'
import { nodeClock, nodeFetch, nodeRandom } from '@credence/kit/node'
import { openWorld, type World } from './world.ts'

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

test('20 calls at once by a new agent: one consent, one grant', async (context) => {
  const resource = await world.addServer('files', 'http://127.0.0.1:9/mcp', [
    { name: 'read', description: 'Reads', inputSchema: { type: 'object' } },
  ])
  const { clientId, signer } = await world.addAgent('helper', ['http://127.0.0.1/callback'])
  const owner = await world.owner()
  const prompts: string[] = []
  const agent = createAgent({
    clientId,
    signer,
    clock: nodeClock,
    random: nodeRandom,
    issuers: [world.issuer],
    allowPrivate: [new URL(world.issuer).host, new URL(world.gateway).host],
    ask: async ({ url }) => {
      prompts.push(url)
      await nodeFetch(await owner.authorize(url))
    },
  })
  context.after(() => agent.close())
  const send = agent.fetchFor(resource)
  const call = async () => {
    const answer = await send(resource, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
    })
    return answer.status
  }
  const statuses = await Promise.all(Array.from({ length: 20 }, call))
  assert.ok(
    statuses.every((status) => status !== 401 && status !== 403),
    statuses.join(),
  )
  assert.equal(prompts.length, 1)
  const { body } = await world.api('GET', '/v1/grants')
  const grants = Object.values(body).find(Array.isArray) as { agent?: string }[]
  assert.equal(grants.filter(({ agent }) => agent === clientId).length, 1, JSON.stringify(body))
})
