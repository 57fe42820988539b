/** The example for Envoy and its like, in front of a domain's own policies. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, must, openWorld, type World } from '../world.ts'

const MAIN = fileURLToPath(new URL('../../../examples/pdp-envoy/main.ts', import.meta.url))

const SCHEMA =
  'entity user; entity route; action "GET", "POST" appliesTo { principal: [user], resource: [route], context: {} };'
const POLICY = `@id("todos-are-read") permit (principal is user, action == Action::"GET", resource == route::"/todos");
@id("ada-writes") permit (principal == user::"ada", action == Action::"POST", resource == route::"/todos");
@id("told") @obligation("notification to=a body=b") permit (principal, action == Action::"GET", resource == route::"/told");`

const apply = async (world: World): Promise<void> => {
  const before = must(await world.api('GET', '/v1/policies'), 200) as { number: number; source: { files: object[] } }
  const files = [...before.source.files, { name: 'gateway.cedar', text: POLICY }]
  const schema = { name: 'schema.cedarschema', text: SCHEMA }
  must(await world.api('PUT', '/v1/policies', { files, schema, expected: before.number }), 200)
}

/** As Envoy asks: the method and the path of the request that waits, exactly as they came. */
const check = (port: number, method: string, path: string, headers: Record<string, string> = {}): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) =>
      resolve(answer.resume().statusCode ?? 0),
    )
    sent.on('error', reject).end()
  })

test('what the policies permit comes through, everything else does not, and nothing when nobody answers', async () => {
  const world = await openWorld()
  const dir = mkdtempSync(join(tmpdir(), 'credence-envoy-'))
  await apply(world)
  const { clientId, privateKey } = await world.addAgent('Envoy')
  const key = join(dir, 'agent.pem')
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const port = await freePort()
  const env = { ...process.env, ISSUER: world.issuer, AGENT: clientId, KEY: key, PORT: String(port) }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    const ada = { 'x-user': 'ada' }
    assert.equal(await check(port, 'GET', '/todos', ada), 200)
    assert.equal(await check(port, 'GET', '/todos?page=2', ada), 200)
    assert.equal(await check(port, 'POST', '/todos', ada), 200)
    assert.equal(await check(port, 'POST', '/todos', { 'x-user': 'bob' }), 403)
    assert.equal(await check(port, 'GET', '/todos'), 403, 'nobody')
    assert.equal(await check(port, 'GET', '/admin', ada), 403)
    assert.equal(await check(port, 'GET', '/told', ada), 403, 'an obligation that nobody meets')
    for (const path of ['/todos/../admin', '/%74odos', '//todos', '/todos;x', '/todos/.'])
      assert.equal(await check(port, 'GET', path, ada), 403, path)
    await world.close()
    assert.equal(await check(port, 'GET', '/todos', ada), 403, 'the decision point is down')
  } finally {
    child.kill()
    await world.close()
    rmSync(dir, { recursive: true, force: true })
  }
})
