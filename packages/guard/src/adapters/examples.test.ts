/** The examples start, say where they are, and refuse a stranger with a challenge that leads somewhere. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseChallenges } from '@credence/protocol/resource-metadata'

const ROOT = fileURLToPath(new URL('../../../../examples/', import.meta.url))

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

for (const name of ['node-http', 'express', 'fastify', 'hono', 'mcp'])
  test(`examples/guard-${name}`, async () => {
    const port = await freePort()
    const records = join(mkdtempSync(join(tmpdir(), 'guard-')), 'records.jsonl')
    const env = { ...process.env, PORT: `${port}`, RECORDS: records }
    const child = spawn(process.execPath, [join(ROOT, `guard-${name}`, 'main.ts')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let complaint = ''
    child.stderr.on('data', (chunk) => {
      complaint += chunk
    })
    try {
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => assert.fail(complaint))])
      const refused = await fetch(`http://127.0.0.1:${port}/notes`)
      assert.equal(refused.status, 401)
      const [challenge] = parseChallenges(refused.headers.get('www-authenticate') ?? '')
      const metadata = await fetch(challenge?.parameters.resource_metadata ?? '')
      assert.deepEqual(((await metadata.json()) as { resource: string }).resource, `http://127.0.0.1:${port}/notes`)
    } finally {
      child.kill()
    }
  })
