/** What-if over more decisions than one answer of the interface holds. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAgent, loadSigner } from '@credence/agent'
import { createNetworkRecorder } from '@credence/audit'
import { newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { DomainId } from '@credence/model'
import { createApi } from './api.ts'
import { openTestDomain } from './testing/index.ts'

const MANY = 2_500

test('every decision of the time is looked at, page by page, and no more than were asked for', {
  timeout: 120_000,
}, async (t) => {
  const domain = await openTestDomain({ servers: false })
  t.after(() => domain.close())
  const { issuer } = domain
  const made = await domain.command<{ id: string; folder: string }>('agent', 'add', 'gateway-2', '--node')
  const node = createAgent({
    clientId: made.id,
    signer: await loadSigner(join(made.folder, 'key.pem')),
    clock: nodeClock,
    random: nodeRandom,
    allowPrivate: [new URL(issuer).host],
  })
  const api = createApi(issuer, node.apiFetch(issuer, `${issuer}/v1`, 'node'), () => node.close())
  const state = await api.get<{ domain: { id: DomainId } }>('/v1/state')
  const recorder = createNetworkRecorder({
    domain: state.domain.id,
    emitter: made.id,
    clock: nodeClock,
    random: nodeRandom,
    send: async (records) => (await api.send<{ results: never }>('POST', '/v1/records', { records })).results,
  })
  const party = { iss: issuer, sub: 'usr_somebody' }
  for (let at = 0; at < MANY; at++)
    recorder.refusal({
      kind: 'refusal',
      code: 'policy_refused',
      reason: 'Nothing was granted.',
      resource: `${domain.gatewayUrl}/mcp/files`,
      method: 'tools/call',
      name: `tool-${at % 3}`,
      op: 'o',
      subject: party,
      actors: [{ ...party, agent: made.id }],
      client: made.id,
      decision: { id: newId('dec', nodeRandom), policies: ['grant'], version: 'v', reason: 'Nothing was granted.' },
    })
  await recorder.drain()
  await recorder.close()
  await api.close()
  const folder = join(domain.stage.dir, 'policies')
  mkdirSync(folder)
  writeFileSync(join(folder, 'a.cedar'), 'permit (principal, action, resource);')
  const told = (...flags: string[]) =>
    domain.command<{ replayed: number; same: number; notes: string[] }>('policy', 'what-if', folder, ...flags)
  const all = await told('--since', '1h')
  assert.deepEqual([all.replayed, all.same], [MANY, MANY])
  assert.equal((await told()).replayed, MANY)
  const some = await told('--since', '1h', '--limit', '1200')
  assert.equal(some.replayed, 1_200)
  assert.match(some.notes.join(), /older decisions/)
  assert.equal((await told('--since', '3d', '--until', '1d')).replayed, 0)
})
