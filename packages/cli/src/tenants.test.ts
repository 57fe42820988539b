/** Decision points beside the domain's own: off unless a setting says so, open only if it says that too. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadSettings } from './settings.ts'
import { freePorts, openStage, type Stage } from './testing/index.ts'

const unsafeWith = (settings: object): string[] =>
  loadSettings({ flags: { 'data-dir': '/nowhere', tenants: '{}', ...settings }, env: {} }).unsafe.map(
    (one) => one.setting,
  )

test('settings: off by default, and what needs no token is named as unsafe', () => {
  assert.equal(loadSettings({ flags: { 'data-dir': '/nowhere' }, env: {} }).settings.exampleTenant, 'off')
  assert.deepEqual(unsafeWith({}), [])
  assert.deepEqual(unsafeWith({ 'example-tenant': 'guarded' }), [])
  assert.deepEqual(unsafeWith({ 'example-tenant': 'open' }), ['exampleTenant'])
  assert.deepEqual(unsafeWith({ tenants: '{"a":{"folder":"/a"},"b":{"folder":"/b","open":true}}' }), ['tenants.b.open'])
  for (const tenants of ['{"A":{"folder":"/a"}}', '{"a":{}}', '{"a":{"folder":"/a","public":true}}', '[]'])
    assert.throws(() => unsafeWith({ tenants }), { code: 'config_invalid' }, tenants)
  assert.throws(() => unsafeWith({ 'example-tenant': 'on' }), { code: 'config_invalid' })
})

describe('credence up', () => {
  let stage: Stage
  before(() => {
    stage = openStage()
  })
  after(() => stage.close())

  const start = async (name: string, settings: object) => {
    const [one, two] = await freePorts(2)
    const issuer = `http://localhost:${one}`
    const config = stage.writeJson(`${name}.json`, { issuer, gatewayUrl: `http://localhost:${two}`, ...settings })
    const running = await stage.start('up', '--data-dir', join(stage.dir, name), '--config', config)
    const ask = async (tenant: string): Promise<number> => {
      const body = {
        subject: { type: 'user', id: 'alice' },
        action: { name: 'read' },
        resource: { type: 'record', id: 'record-1' },
      }
      const answer = await fetch(`${issuer}/${tenant}/access/v1/evaluation`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return answer.status
    }
    return { running, ask }
  }

  test('the example stands at its path when it was switched on, and asks for a token unless it is open', async () => {
    const folder = join(stage.dir, 'mine')
    mkdirSync(folder)
    writeFileSync(join(folder, 'a.cedar'), 'permit (principal, action, resource);')
    const guarded = await start('guarded', { exampleTenant: 'guarded', tenants: { mine: { folder, open: true } } })
    assert.equal(await guarded.ask('example'), 401)
    assert.equal(await guarded.ask('mine'), 200)
    assert.match(JSON.stringify(guarded.running.ready.unsafe), /tenants\.mine\.open/)
    await stage.close(guarded.running)
    const open = await start('open', { exampleTenant: 'open' })
    assert.equal(await open.ask('example'), 200)
    await stage.close(open.running)
    const off = await start('off', {})
    assert.equal(await off.ask('example'), 404)
    await stage.close(off.running)
  })

  test('a folder that is not valid keeps the domain from starting', async () => {
    const folder = join(stage.dir, 'broken')
    mkdirSync(folder)
    writeFileSync(join(folder, 'a.cedar'), 'permit (principal, action, resource) when { 1 };')
    await assert.rejects(start('bad', { tenants: { broken: { folder } } }), /not valid/)
  })
})
