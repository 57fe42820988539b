/** A gateway in a process of its own, paused in the moment that matters. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadSigner } from '@credence/agent'
import { nodeClock, nodeFetch, nodeRandom } from '@credence/kit/node'
import { createProof } from '@credence/protocol/dpop'
import type { JwsSigner } from '@credence/protocol/jose'
import { request } from 'undici'
import {
  freePorts,
  openAgent,
  openTestDomain,
  type Running,
  register,
  showingStore,
  type TestDomain,
} from './testing/index.ts'

describe('a gateway in a process of its own', { timeout: 120_000 }, () => {
  let domain: TestDomain
  let port: number
  let node: Running
  let signer: JwsSigner
  let token = ''
  let nonce: string | undefined
  let couriers = 0

  before(async () => {
    domain = await openTestDomain()
    ;[port = 0] = await freePorts(1)
    const identity = await domain.command<{ folder: string }>('agent', 'add', 'gateway-2', '--node')
    const flags = [
      '--config',
      domain.config,
      '--data-dir',
      join(domain.stage.dir, 'second'),
      '--identity',
      identity.folder,
    ]
    await assert.rejects(domain.stage.start('gateway', ...flags, '--gateway-port', String(port)), /routed-by-key/)
    node = await domain.stage.start('gateway', ...flags, '--gateway-port', String(port), '--routed-by-key')
    await consent()
  })
  after(() => domain.close())

  const consent = async (): Promise<void> => {
    couriers += 1
    const made = await register(domain, `courier-${couriers}`)
    signer = await loadSigner(join(made.folder, 'key.pem'))
    const store = showingStore((shown) => {
      token = shown
    })
    const agent = await openAgent(domain, made, ['list_directory'], { signer, store })
    await (await agent.connect(`${domain.gatewayUrl}/mcp/files`)).close()
    await agent.close()
  }

  /** As a load balancer would send it there: the public name, another port. */
  const call = async (): Promise<number> => {
    const url = `${domain.gatewayUrl}/mcp/files`
    const proof = await createProof({
      signer,
      method: 'POST',
      url,
      jti: `jti_${Buffer.from(nodeRandom.bytes(16)).toString('base64url')}`,
      iat: Math.floor(nodeClock.now() / 1000),
      accessToken: token,
      ...(nonce === undefined ? {} : { nonce }),
    })
    const message = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'list_directory', arguments: { path: domain.documents } },
    }
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
      body: JSON.stringify(message),
    })
    await answer.body.dump()
    const fresh = answer.headers['dpop-nonce']
    if (answer.statusCode === 401 && typeof fresh === 'string' && fresh !== nonce) {
      nonce = fresh
      return call()
    }
    return answer.statusCode
  }

  test('what was revoked while it slept is refused when it wakes, from the first call on', async () => {
    assert.equal(await call(), 200)
    const { grants } = await domain.command<{ grants: readonly { id: string }[] }>('grant', 'list')
    node.child.kill('SIGSTOP')
    await domain.command('grant', 'revoke', grants[0]?.id ?? '')
    // These wait in its socket, and are the first it sees when it wakes.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const waiting = Array.from({ length: 5 }, () => call())
    await new Promise((resolve) => setTimeout(resolve, 200))
    node.child.kill('SIGCONT')
    for (const status of await Promise.all(waiting)) assert.ok(status === 401 || status === 503, String(status))
    assert.equal(await call(), 401)
  })

  const becomes = async (status: number): Promise<void> => {
    let last = 0
    for (let tries = 0; tries < 40; tries += 1) {
      last = await call()
      if (last === status) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.equal(last, status)
  }

  test('what is said of groups and servers is heard here too', async () => {
    await consent()
    const { source } = await domain.command<{ source: { files: readonly { name: string; text: string }[] } }>(
      'policy',
      'show',
    )
    const folder = (name: string, files: readonly { name: string; text: string }[]): string => {
      const dir = join(domain.stage.dir, name)
      mkdirSync(dir)
      for (const file of files) writeFileSync(join(dir, file.name), file.text)
      return dir
    }
    const text =
      '@id("couriers") forbid (principal, action == Action::"tools/call", resource) unless { principal is Agent in Group::"couriers" };'
    await domain.command('policy', 'apply', folder('couriers', [...source.files, { name: 'zz.cedar', text }]))
    await becomes(403)
    await domain.command('agent', 'set', `courier-${couriers}`, '--group', 'couriers')
    await becomes(200)
    await domain.command('agent', 'set', `courier-${couriers}`, '--no-groups')
    await becomes(403)
    await domain.command('server', 'set', 'files', '--observe')
    await becomes(200)
    await domain.command('server', 'set', 'files', '--enforce')
    await becomes(403)
    await domain.command('policy', 'apply', folder('before', source.files))
    await becomes(200)
  })

  test('without its authority it refuses, and says that it is not ready', async () => {
    await consent()
    assert.equal(await call(), 200)
    await domain.stage.close(domain.up)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    assert.equal(await call(), 503)
    assert.equal((await nodeFetch(`http://127.0.0.1:${port}/readyz`)).status, 503)
  })
})
