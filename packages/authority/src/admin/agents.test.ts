import assert from 'node:assert/strict'
import { test } from 'node:test'
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
