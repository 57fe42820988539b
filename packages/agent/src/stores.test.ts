import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { nodeKeys } from '@credence/kit/node'
import { thumbprint } from '@credence/protocol/jose'
import { createFileTokenStore, type HeldToken, loadOrCreateSigner, loadSigner } from './index.ts'
import { openLab } from './testing/lab.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'credence-agent-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a program that may import the stores; answers what it wrote. */
const program = async (source: string): Promise<{ out: string; code: number | null }> => {
  const file = join(import.meta.dirname, 'index.ts')
  const head = `import { createFileTokenStore, loadOrCreateSigner, loadSigner } from ${JSON.stringify(file)}\n`
  const child = spawn(process.execPath, ['--input-type=module', '-e', head + source], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  return { out: await text(child.stdout), code: (await ended)[0] as number | null }
}

describe('the key file', () => {
  test('is made once, for its owner alone', async () => {
    const file = join(folder, 'deep/er/agent.pem')
    const one = await loadOrCreateSigner(file, nodeKeys)
    const two = await loadOrCreateSigner(file, nodeKeys)
    assert.equal(thumbprint(one.publicJwk), thumbprint(two.publicJwk))
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(join(folder, 'deep')).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(join(folder, 'deep/er')), ['agent.pem'])
  })

  test('that others can read is no key', async () => {
    const file = join(folder, 'agent.pem')
    await loadOrCreateSigner(file, nodeKeys)
    for (const mode of [0o640, 0o604, 0o660, 0o622]) {
      chmodSync(file, mode)
      await assert.rejects(loadSigner(file), { code: 'key_file_open' })
      await assert.rejects(loadOrCreateSigner(file, nodeKeys), { code: 'key_file_open' })
    }
  })

  test('that holds no key is not written over, and the message tells nothing of it', async () => {
    const file = join(folder, 'agent.pem')
    writeFileSync(file, 'secret words', { mode: 0o600 })
    await assert.rejects(loadOrCreateSigner(file, nodeKeys), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'key_file_invalid')
      return !/secret words/.test(error.message)
    })
    assert.equal(readFileSync(file, 'utf8'), 'secret words')
    await assert.rejects(loadSigner(join(folder, 'none.pem')), { code: 'key_file_missing' })
  })

  test('20 at once in one process, and three processes, get the same key', async () => {
    const file = join(folder, 'agent.pem')
    const source = `import { nodeKeys } from '@credence/kit/node'
      const all = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateSigner(${JSON.stringify(file)}, nodeKeys)))
      console.log([...new Set(all.map(({ publicJwk }) => publicJwk.x))].join())`
    const outcomes = await Promise.all([program(source), program(source), program(source)])
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      [0, 0, 0],
    )
    assert.equal(new Set(outcomes.map(({ out }) => out.trim())).size, 1)
    assert.deepEqual(readdirSync(folder), ['agent.pem'])
  })
})

const token = (name: string): HeldToken => ({
  issuer: 'https://as.example',
  resource: 'https://rs.example/mcp',
  clientId: 'agt_x',
  accessToken: name,
  tokenType: 'DPoP',
  issuedAt: 1,
  expiresAt: 2,
  asked: 'read',
  scope: 'read',
  refreshToken: `${name}-refresh`,
  grantId: undefined,
})

describe('the token file', () => {
  test('keeps and forgets, for its owner alone', async () => {
    const file = join(folder, 'tokens.json')
    const store = createFileTokenStore(file)
    assert.equal(await store.get('a'), undefined)
    await store.set('a', token('one'))
    await store.set('__proto__', token('two'))
    const again = createFileTokenStore(file)
    assert.equal((await again.get('a'))?.accessToken, 'one')
    assert.equal((await again.get('__proto__'))?.refreshToken, 'two-refresh')
    await again.delete('a')
    assert.equal(await store.get('a'), undefined)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(folder), ['tokens.json'])
  })

  test('that others can read, or that is broken, is refused; what is no token in it is left out', async () => {
    const file = join(folder, 'tokens.json')
    const store = createFileTokenStore(file)
    await store.set('a', token('one'))
    chmodSync(file, 0o644)
    await assert.rejects(store.get('a'), { code: 'key_file_open' })
    chmodSync(file, 0o600)
    writeFileSync(file, '{"a":')
    await assert.rejects(store.get('a'), { code: 'token_file_invalid' })
    await assert.rejects(store.set('a', token('two')), { code: 'token_file_invalid' })
    writeFileSync(file, JSON.stringify({ a: { accessToken: 1 }, b: token('b') }))
    assert.equal(await store.get('a'), undefined)
    assert.equal((await store.get('b'))?.accessToken, 'b')
  })

  test('several processes change it at once and lose nothing', async () => {
    const file = join(folder, 'tokens.json')
    const source = (name: string) => `const store = createFileTokenStore(${JSON.stringify(file)})
      await Promise.all(Array.from({ length: 10 }, (_, at) => store.set('${name}' + at, ${JSON.stringify(token('x'))})))`
    const outcomes = await Promise.all(['a', 'b', 'c'].map((name) => program(source(name))))
    assert.ok(outcomes.every(({ code }) => code === 0))
    assert.equal(Object.keys(JSON.parse(readFileSync(file, 'utf8'))).length, 30)
    assert.deepEqual(readdirSync(folder), ['tokens.json'])
  })

  test('killed while writing: whole, old or new; its locks are taken over', async () => {
    const file = join(folder, 'tokens.json')
    const store = createFileTokenStore(file)
    await store.set('first', token('first'))
    for (let round = 0; round < 3; round += 1) {
      const source = `const store = createFileTokenStore(${JSON.stringify(file)})
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${20 + round * 15})
        for (let at = 0; ; at += 1) await store.exclusively('k', () => store.set('x' + at % 50, ${JSON.stringify(token('x'.repeat(4000)))}))`
      const { code } = await program(source)
      assert.equal(code, null)
      assert.equal((await store.get('first'))?.accessToken, 'first')
      await store.exclusively('k', () => store.set('after', token(`after${round}`)))
      assert.equal((await store.get('after'))?.accessToken, `after${round}`)
    }
  })

  test('two agents with one file: one prompt, and a refresh token is used once', async () => {
    const lab = await openLab()
    const file = join(folder, 'tokens.json')
    const signer = await loadOrCreateSigner(join(folder, 'agent.pem'), nodeKeys)
    const agents = [1, 2, 3].map(() => lab.agentWith({ signer, store: createFileTokenStore(file) }))
    const sends = agents.map((agent) => agent.fetchFor(lab.server))
    for (const send of sends) assert.equal((await send(lab.server)).status, 200)
    assert.equal(lab.prompts.length, 1)
    lab.knobs.current.clear()
    const statuses = await Promise.all(sends.map(async (send) => (await send(lab.server)).status))
    assert.deepEqual(statuses, [200, 200, 200])
    const used = lab.tokenRequests().flatMap((form) => form.get('refresh_token') ?? [])
    assert.equal(used.length, 1)
    assert.equal(lab.prompts.length, 1)
    await lab.close()
  })

  test('a token of another key is not presented', async () => {
    const lab = await openLab()
    const file = join(folder, 'tokens.json')
    await lab.agentWith({ store: createFileTokenStore(file) }).fetchFor(lab.server)(lab.server)
    assert.ok(existsSync(file))
    await lab.agentWith({ store: createFileTokenStore(file) }).fetchFor(lab.server)(lab.server)
    assert.equal(lab.prompts.length, 2)
    await lab.close()
  })
})
