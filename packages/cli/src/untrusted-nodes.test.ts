/** Two gateways: what is read through one is known at the other before the answer is there. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { createAgent, createMemoryTokenStore, loadSigner, type TokenStore } from '@credence/agent'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { createProof } from '@credence/protocol/dpop'
import type { JwsSigner } from '@credence/protocol/jose'
import { request } from 'undici'
import { freePorts, openTestDomain, type Running, type TestDomain } from './testing/index.ts'

const READ = 'read_text_file'
const LIST = 'list_directory'

describe('two gateways and a task that reads what strangers wrote', { timeout: 120_000 }, () => {
  let domain: TestDomain
  let second = 0
  let node: Running
  let signer: JwsSigner
  let identity: { id: string; folder: string }

  before(async () => {
    domain = await openTestDomain()
    ;[second = 0] = await freePorts(1)
    await domain.command('server', 'label', 'files', `${READ}=read,untrusted`, `${LIST}=write`)
    const resource = `${domain.gatewayUrl}/mcp/files`
    const dir = join(domain.stage.dir, 'policies')
    const set = ['--server', resource, '--effect', 'write']
    const { source } = await domain.command<{ source: { files: readonly { name: string; text: string }[] } }>(
      'policy',
      'show',
    )
    mkdirSync(dir)
    for (const { name, text } of source.files) writeFileSync(join(dir, name), text)
    await domain.command('policy', 'new', 'never-from-untrusted', '--dir', dir, ...set)
    await domain.command('policy', 'apply', dir)
    const gateway = await domain.command<{ folder: string }>('agent', 'add', 'gateway-2', '--node')
    const own = [
      '--config',
      domain.config,
      '--data-dir',
      join(domain.stage.dir, 'second'),
      '--identity',
      gateway.folder,
    ]
    node = await domain.stage.start('gateway', ...own, '--gateway-port', String(second), '--routed-by-key')
    identity = await domain.command<{ id: string; folder: string }>('agent', 'add', 'courier')
    signer = await loadSigner(join(identity.folder, 'key.pem'))
  })
  after(() => domain.close())

  /** The token of a new consent, which is a new task. */
  const consent = async (): Promise<string> => {
    let token = ''
    const memory = createMemoryTokenStore()
    const store: TokenStore = {
      ...memory,
      set: (key, held) => {
        token = held.accessToken
        return memory.set(key, held)
      },
    }
    const agent = createAgent({
      clientId: identity.id,
      signer,
      clock: nodeClock,
      random: nodeRandom,
      allowPrivate: [domain.issuer, domain.gatewayUrl].map((url) => new URL(url).host),
      store,
      ask: ({ url }) => void domain.person.allow(url, [READ, LIST]),
    })
    await (await agent.connect(`${domain.gatewayUrl}/mcp/files`)).close()
    await agent.close()
    return token
  }

  const nonces = new Map<number, string>()

  /** As a load balancer would send it there: the public name, another port. */
  const call = async (
    port: number,
    token: string,
    name: string,
    tries = 0,
  ): Promise<{ status: number; text: string }> => {
    const url = `${domain.gatewayUrl}/mcp/files`
    const nonce = nonces.get(port)
    const proof = await createProof({
      signer,
      method: 'POST',
      url,
      jti: `jti_${Buffer.from(nodeRandom.bytes(16)).toString('base64url')}`,
      iat: Math.floor(nodeClock.now() / 1000),
      accessToken: token,
      ...(nonce === undefined ? {} : { nonce }),
    })
    const path = name === READ ? join(domain.documents, 'hello.txt') : domain.documents
    const answer = await request(`http://127.0.0.1:${port}/mcp/files`, {
      method: 'POST',
      headers: {
        host: new URL(url).host,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        authorization: `DPoP ${token}`,
        dpop: proof,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { path } } }),
    })
    const text = await answer.body.text()
    const fresh = answer.headers['dpop-nonce']
    if (answer.statusCode === 401 && typeof fresh === 'string' && tries === 0) {
      nonces.set(port, fresh)
      return call(port, token, name, 1)
    }
    return { status: answer.statusCode, text }
  }

  for (const [read, act] of [
    ['second', 'first'],
    ['first', 'second'],
  ] as const) {
    test(`read at the ${read}, refused at the ${act} from the next call on; another consent is not`, async () => {
      const portOf = { first: domain.gatewayPort, second }
      const [token, other] = [await consent(), await consent()]
      assert.equal((await call(portOf[act], token, LIST)).status, 200)
      const answered = await call(portOf[read], token, READ)
      assert.equal(answered.status, 200, answered.text)
      for (const port of [portOf[act], portOf[read]]) {
        const refused = await call(port, token, LIST)
        assert.equal(refused.status, 403, refused.text)
        assert.match(refused.text, /never-from-untrusted/)
      }
      for (const port of [portOf[act], portOf[read]]) assert.equal((await call(port, other, LIST)).status, 200)
    })
  }

  test('a gateway that slept through the mark does not act on what it knew before', async () => {
    const token = await consent()
    assert.equal((await call(second, token, LIST)).status, 200)
    node.child.kill('SIGSTOP')
    const answered = await call(domain.gatewayPort, token, READ)
    assert.equal(answered.status, 200, answered.text)
    const waiting = Array.from({ length: 5 }, () => call(second, token, LIST))
    await new Promise((resolve) => setTimeout(resolve, 300))
    node.child.kill('SIGCONT')
    for (const { status } of await Promise.all(waiting)) assert.ok(status === 403 || status === 503, String(status))
    assert.equal((await call(second, token, LIST)).status, 403)
  })

  test('a gateway whose mark is not made reads nothing of strangers, though everything else is', async () => {
    const token = await consent()
    assert.equal((await call(second, token, LIST)).status, 200)
    const database = new DatabaseSync(join(domain.dataDir, 'credence.db'), { timeout: 5_000 })
    database.exec(
      "CREATE TRIGGER refuse_marks BEFORE INSERT ON task_marks BEGIN SELECT RAISE(ABORT, 'no marks today'); END",
    )
    try {
      const answered = await call(second, token, READ)
      assert.equal(answered.status, 503, answered.text)
      assert.match(answered.text, /could not be remembered/)
      assert.doesNotMatch(answered.text, /hello from a file/)
      assert.equal((await call(second, token, LIST)).status, 200, 'nothing was read, so nothing is forbidden')
    } finally {
      database.exec('DROP TRIGGER refuse_marks')
      database.close()
    }
    assert.equal((await call(second, token, READ)).status, 200)
    assert.equal((await call(second, token, LIST)).status, 403)
  })
})
