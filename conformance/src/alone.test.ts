/** An agent that acts for itself holds nobody's grant, whatever its own request names. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startFixture } from './mcp/fixture-server.ts'
import { openWorld, permitOwnCalls } from './world.ts'

test('naming a tool in its own token request gives an agent nothing; a policy of the domain does', async () => {
  const world = await openWorld()
  const fixture = await startFixture()
  const name = 'test_simple_text'
  try {
    const agent = await world.addAgent('Alone')
    const resource = await world.addServer('fixture', fixture.url, [{ name }])
    const authorizationDetails = [{ type: 'mcp_tools', locations: [resource], tools: [name] }]
    const call = async () => {
      const client = await world.agentOf(agent).connect(resource, { authorizationDetails })
      return await client.callTool({ name, arguments: {} })
    }
    await assert.rejects(call(), /403|permits/)
    await permitOwnCalls(world, agent.clientId)
    assert.match(JSON.stringify(await call()), /simple text response/)
  } finally {
    fixture.close()
    await world.close()
  }
})
