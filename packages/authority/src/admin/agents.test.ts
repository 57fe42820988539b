import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallerFacts, Operation } from '@credence/model'
import { addAgent, addFiles, FILES } from '../testing/seed.ts'
import { asOperator, newAgentKey, openWorld } from '../testing/world.ts'

test('RFC 9700 section 4.1: an agent is registered only with redirect URIs that a code may be sent to', async () => {
  const world = await openWorld()
  try {
    const operator = await asOperator(world)
    const add = (more: Record<string, unknown>) =>
      operator.call('POST', '/v1/agents', { name: 'x', keys: [newAgentKey().jwk], ...more })
    for (const uri of [
      'http://elsewhere.example/cb',
      'javascript:alert(1)',
      'data:text/html,x',
      'https://client.example/cb#fragment',
      'https://user:pass@client.example/cb',
      'https://*.example/cb',
      'custom:cb',
      '/relative',
    ]) {
      assert.equal((await add({ redirectUris: [uri] })).status, 400, uri)
    }
    const good = ['https://client.example/cb', 'http://127.0.0.1:8080/cb', 'com.example.app:/cb']
    assert.equal((await add({ redirectUris: good })).status, 201)
    for (const name of ['pay\u202eroll', 'a\u0000b', 'zero\u200bwidth', 'line\u2028break'])
      assert.equal((await add({ name })).status, 400, JSON.stringify(name))
    assert.equal((await add({ name: 'Büro 東京 №1' })).status, 201)
  } finally {
    await world.close()
  }
})

test('groups are said by whoever administers the domain, counted in the next decision, and told to nodes', async () => {
  const world = await openWorld()
  try {
    const operator = await asOperator(world)
    const agent = await addAgent(world)
    await addFiles(world)
    const text = '@id("night") permit (principal in Group::"night-shift", action == Action::"tools/call", resource);'
    const files = [{ name: 'a.cedar', text }]
    assert.ok((await operator.call('PUT', '/v1/policies', { files })).status < 300)
    const party = { iss: world.config.issuer, sub: 'spiffe://x' }
    const facts = { domain: world.authority.embedded.domain.id, subject: party } as const
    const decided = async (): Promise<string> => {
      const actors = [{ party, agent: agent.clientId }] as unknown as CallerFacts['actors']
      const by = { ...facts, actors, clientId: agent.clientId, scope: [], proof: 'dpop', authorizationDetails: [] }
      const operation = {
        ...facts,
        actors,
        resource: FILES,
        method: 'tools/call',
        name: 'list',
        arguments: {},
        labels: {},
      }
      const { decider } = world.authority.embedded
      return (await decider.decide(operation as unknown as Operation, by as unknown as CallerFacts)).effect
    }
    const set = (groups: unknown) => operator.call('PUT', `/v1/agents/${agent.clientId}/groups`, { groups })
    assert.equal(await decided(), 'refused')
    const answer = await set(['night-shift', 'day-shift', 'night-shift'])
    assert.deepEqual([answer.status, answer.body.groups], [200, ['day-shift', 'night-shift']])
    assert.equal(await decided(), 'granted')
    const added = await operator.call('POST', '/v1/agents', {
      name: 'x',
      keys: [newAgentKey().jwk],
      groups: ['night-shift'],
    })
    assert.deepEqual([added.status, added.body.groups], [201, ['night-shift']])
    for (const wrong of [
      ['Night'],
      ['a b'],
      [''],
      [7],
      'night-shift',
      Array.from({ length: 17 }, (_, index) => `g${index}`),
    ])
      assert.equal((await set(wrong)).status, 400, JSON.stringify(wrong))
    assert.equal(await decided(), 'granted', 'what was refused changed nothing')
    assert.equal((await set([])).status, 200)
    assert.equal(await decided(), 'refused')
  } finally {
    await world.close()
  }
})
