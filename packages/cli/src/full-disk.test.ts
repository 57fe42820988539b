/** A revocation is what must still work when nothing else does: here on a file system that is really full. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openTestDomain, type TestDomain } from './testing/index.ts'

const root = process.platform === 'linux' && process.getuid?.() === 0
const needsRoot = root ? false : 'platform: mounting a small file system takes root on Linux'

/** Everything that is left, to the last byte. */
const fill = (folder: string): void => {
  for (const size of [65_536, 512, 1]) {
    const file = openSync(join(folder, `fill-${size}`), 'w')
    try {
      for (;;) writeSync(file, Buffer.alloc(size, 1))
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ENOSPC')
    } finally {
      closeSync(file)
    }
  }
}

describe('a full disk', { skip: needsRoot, timeout: 120_000 }, () => {
  let small: string
  let domain: TestDomain
  before(async () => {
    small = mkdtempSync(join(tmpdir(), 'credence-small-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'none', small])
    domain = await openTestDomain({ dataDir: join(small, 'data'), servers: false })
  })
  after(async () => {
    await domain.close()
    execFileSync('umount', ['-l', small])
    rmSync(small, { recursive: true, force: true })
  })

  test('an agent can be stopped, nothing else is done, and the record follows when there is room', async () => {
    const { id } = await domain.command<{ id: string }>('agent', 'add', 'thief')
    // What the operator holds was issued before: a token cannot be recorded, and so not be issued, on a full disk.
    const { operatorApi } = await import('./api.ts')
    const api = operatorApi(domain.dataDir)
    await api.get('/v1/status')
    fill(small)
    await assert.rejects(api.send('POST', '/v1/owners', { name: 'more', kind: 'team' }), { kind: 'unavailable' })
    await api.send('POST', `/v1/agents/${id}/suspend`)
    const { status } = await api.get<{ status: string }>(`/v1/agents/${id}`)
    assert.equal(status, 'suspended')
    for (const size of [65_536, 512, 1]) rmSync(join(small, `fill-${size}`))
    const owed = async (): Promise<number> => (await api.get<{ ledger: { owed: number } }>('/v1/status')).ledger.owed
    for (let wait = 0; wait < 100 && (await owed()) > 0; wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(await owed(), 0)
    const verdict = await domain.command<{ sound: boolean }>('audit', 'verify')
    assert.ok(verdict.sound)
    await api.close()
  })
})
