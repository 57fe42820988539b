/** Attacks on a whole domain, from outside: what needs authority, gateway and a server behind at once. */
import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { newId } from '@credence/kit'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { createProof } from '@credence/protocol/dpop'
import { signerOf } from '@credence/protocol/jose'
import { CLIENT_ASSERTION_TYPE, createClientAssertion } from '@credence/protocol/oauth'
import { openWorld, permitOwnCalls, type RegisteredAgent, type World } from './world.ts'

const seconds = (): number => Math.floor(nodeClock.now() / 1000)

const assertionOf = (issuer: string, { clientId, signer }: Pick<RegisteredAgent, 'clientId' | 'signer'>) =>
  createClientAssertion({ signer, clientId, issuer, jti: newId('jti', nodeRandom), iat: seconds() })

const post = async (url: string, form: Record<string, string>, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** A server behind the gateway that answers calls as `answer` says, and everything else properly. */
const startHostile = async () => {
  let answer = { status: 200, headers: {} as Record<string, string>, body: '' }
  const server = createServer(async (req, res) => {
    const pieces: Buffer[] = []
    for await (const piece of req) pieces.push(piece as Buffer)
    const { id, method } = JSON.parse(Buffer.concat(pieces).toString()) as { id?: number; method: string }
    const reply = (result: object) => {
      res.writeHead(200, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    }
    if (method === 'initialize')
      reply({
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'hostile', version: '1' },
      })
    else if (method === 'tools/list') reply({ tools: [{ name: 'attack', inputSchema: { type: 'object' } }] })
    else if (method === 'tools/call') res.writeHead(answer.status, answer.headers).end(answer.body)
    else res.writeHead(id === undefined ? 202 : 404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    answers: (next: typeof answer) => {
      answer = next
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

describe('a domain under attack', () => {
  let world: World
  let agent: RegisteredAgent
  let resource: string
  let hostile: Awaited<ReturnType<typeof startHostile>>
  before(async () => {
    world = await openWorld()
    hostile = await startHostile()
    agent = await world.addAgent('Victim')
    resource = await world.addServer('hostile', hostile.url, [{ name: 'attack' }])
    await permitOwnCalls(world, agent.clientId)
  })
  after(async () => {
    hostile.close()
    await world.close()
  })

  const tokenOf = async (who: RegisteredAgent): Promise<string> => {
    const ask = async (nonce?: string) => {
      const proof = await createProof({
        signer: who.signer,
        method: 'POST',
        url: `${world.issuer}/token`,
        jti: newId('jti', nodeRandom),
        iat: seconds(),
        ...(nonce === undefined ? {} : { nonce }),
      })
      const form = {
        grant_type: 'client_credentials',
        resource,
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        client_assertion: await assertionOf(world.issuer, who),
      }
      return await post(`${world.issuer}/token`, form, { dpop: proof })
    }
    const first = await ask()
    const { body } = await ask(first.headers.get('dpop-nonce') ?? undefined)
    return String(body.access_token)
  }

  test('100, 101: what a server behind says with 401 or 500 does not reach the caller', async () => {
    const send = world.agentOf(agent).fetchFor(resource)
    const call = (headers: Record<string, string>, meta: object) =>
      send(resource, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'attack', arguments: {}, ...meta },
        }),
      })
    const modern = {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    }
    const evil = { 'www-authenticate': 'Bearer resource_metadata="http://evil.example/prm"', 'x-leak': 'canary' }
    const html = '<html>at leak (server.ts:1) canary</html>'
    for (const status of [401, 403, 407, 500, 302]) {
      for (const type of ['text/html', 'application/json']) {
        hostile.answers({
          status,
          headers: { ...evil, 'content-type': type, location: 'http://evil.example/' },
          body: html,
        })
        for (const [headers, meta] of [
          [{ 'mcp-protocol-version': '2025-11-25' }, {}],
          [{ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'attack' }, modern],
        ] as const) {
          const answer = await call(headers, meta)
          const seen = `${await answer.text()}${JSON.stringify([...answer.headers])}`
          assert.equal(answer.status, 502, `${status} ${type} ${seen}`)
          assert.ok(!/canary|evil\.example|server\.ts/.test(seen), seen)
        }
      }
    }
  })

  test('97: null, look-alike and suffix origins are refused', async () => {
    const { port, host } = new URL(world.gateway)
    const ask = (fields: Record<string, string>): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = httpRequest(
          { host: '127.0.0.1', port, method: 'POST', path: '/mcp/hostile', headers: { host, ...fields } },
          (res) => resolve(res.resume().statusCode ?? 0),
        )
        sent.on('error', reject).end('{}')
      })
    const origins = [
      'null',
      'http://evil.example',
      `http://127.0.0.1.evil.example:${port}`,
      `https://${host}`,
      'file://',
    ]
    for (const origin of origins) assert.equal(await ask({ origin }), 403, origin)
    for (const claimed of ['evil.example', `127.0.0.1.evil.example:${port}`, `localhost.evil:${port}`])
      assert.equal(await ask({ host: claimed }), 403, claimed)
  })

  test('a client cannot revoke the token of another', async () => {
    const thief = await world.addAgent('Thief')
    const node = await world.addAgent('Resource server', [], 'node')
    const token = await tokenOf(agent)
    const asking = async (who: RegisteredAgent) => ({
      token,
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: await assertionOf(world.issuer, who),
    })
    assert.equal((await post(`${world.issuer}/revoke`, await asking(thief))).status, 200)
    assert.equal((await post(`${world.issuer}/introspect`, await asking(node))).body.active, true)
    assert.equal((await post(`${world.issuer}/revoke`, await asking(agent))).status, 200)
    assert.equal((await post(`${world.issuer}/introspect`, await asking(node))).body.active, false)
  })

  test('metadata and key sets hold no secret', async () => {
    for (const path of [
      '/jwks',
      '/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server',
      '/metrics',
      '/openapi.json',
    ]) {
      const text = await (await fetch(`${world.issuer}${path}`)).text()
      assert.ok(text.length > 0, path)
      assert.ok(!/"(?:d|p|q|dp|dq|qi|k)"\s*:|PRIVATE KEY|crt_|eyJ[\w-]+\.eyJ/.test(text), path)
    }
  })

  test('53: an unknown client and a wrong signature take the same time', async () => {
    const stranger = signerOf(nodeKeys.es256().privateKey)
    const times = async (clientId: string): Promise<number> => {
      const form = {
        grant_type: 'client_credentials',
        resource,
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        client_assertion: await assertionOf(world.issuer, { clientId, signer: stranger }),
      }
      const started = performance.now()
      const { status, body } = await post(`${world.issuer}/token`, form)
      assert.deepEqual([status, body.error], [401, 'invalid_client'])
      return performance.now() - started
    }
    const round = async (): Promise<number> => {
      const known: number[] = []
      const unknown: number[] = []
      for (let count = 0; count < 120; count += 1) {
        known.push(await times(agent.clientId))
        unknown.push(await times(newId('agt', nodeRandom)))
      }
      return Math.abs(median(known) - median(unknown)) / Math.max(median(known), median(unknown))
    }
    // Other work on this machine may spoil one round, not all.
    const differences: number[] = []
    for (let count = 0; count < 4 && (differences.at(-1) ?? 1) > 0.25; count += 1) differences.push(await round())
    assert.ok((differences.at(-1) ?? 1) <= 0.25, `medians differ by ${differences.map((d) => d.toFixed(2)).join(', ')}`)
  })
})
