/** Two authorities and three gateways, a process each, on one PostgreSQL: one domain and one ledger. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { loadSigner } from '@credence/agent'
import type { IndexedRecord } from '@credence/audit'
import { type TestSchema, testSchema } from '@credence/db/testing'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { createProof } from '@credence/protocol/dpop'
import { type JwsSigner, thumbprint } from '@credence/protocol/jose'
import { CLIENT_ASSERTION_TYPE, createClientAssertion } from '@credence/protocol/oauth'
import { request } from 'undici'
import {
  createPerson,
  freePorts,
  openAgent,
  openStage,
  type Person,
  type Running,
  realServers,
  type Stage,
  showingStore,
} from './testing/index.ts'

interface Node {
  readonly name: string
  readonly pid: number
  readonly port: number
}

describe('a cluster on one machine', { timeout: 180_000 }, () => {
  let server: TestSchema
  let stage: Stage
  let up: Running
  let person: Person
  let issuer: string
  let gatewayUrl: string
  let documents: string
  let dataDir: string
  let config: string
  let signer: JwsSigner
  let clientId = ''
  let token = ''
  let nonce: string | undefined
  let couriers = 0

  const nodes = (): readonly Node[] => up.ready.nodes as readonly Node[]
  const gateways = (): readonly Node[] => nodes().filter(({ name }) => name.startsWith('gateway'))
  const authorities = (): readonly Node[] => nodes().filter(({ name }) => name.startsWith('authority'))
  const command = <T = Record<string, unknown>>(...argv: string[]): Promise<T> =>
    stage.command<T>(...argv, '--data-dir', dataDir, '--config', config)

  before(async () => {
    server = testSchema()
    stage = openStage()
    const [one = 0, two = 0] = await freePorts(2)
    issuer = `http://localhost:${one}`
    gatewayUrl = `http://localhost:${two}`
    documents = join(stage.dir, 'documents')
    mkdirSync(documents)
    writeFileSync(join(documents, 'hello.txt'), 'hello from a file\n')
    dataDir = join(stage.dir, 'data')
    config = stage.writeJson('credence.json', {
      issuer,
      gatewayUrl,
      stdio: realServers(documents),
      databaseUrl: server.url,
      databaseSchema: server.schema,
    })
    up = await stage.start('up', '--cluster', '--data-dir', dataDir, '--config', config)
    person = createPerson(issuer)
    await person.enrol(readFileSync(String(up.ready.setupLinkFile), 'utf8').trim(), 'Ada')
    await command('server', 'add', 'files', '--stdio')
    await consent()
  })
  after(async () => {
    await stage.close()
    await server.close()
  })

  const consent = async (): Promise<void> => {
    couriers += 1
    const made = await command<{ id: string; folder: string }>('agent', 'add', `courier-${couriers}`)
    clientId = made.id
    signer = await loadSigner(join(made.folder, 'key.pem'))
    const store = showingStore((shown) => {
      token = shown
    })
    const agent = await openAgent({ issuer, gatewayUrl, person }, made, ['list_directory'], { signer, store })
    await (await agent.connect(`${gatewayUrl}/mcp/files`)).close()
    await agent.close()
  }

  const newJti = (): string => `jti_${Buffer.from(nodeRandom.bytes(16)).toString('base64url')}`
  const proofFor = (url: string, accessToken?: string): Promise<string> =>
    createProof({
      signer,
      method: 'POST',
      url,
      jti: newJti(),
      iat: Math.floor(nodeClock.now() / 1000),
      ...(accessToken === undefined ? {} : { accessToken }),
      ...(nonce === undefined ? {} : { nonce }),
    })

  /** One tool call at one gateway, as a load balancer would send it there. */
  const call = async (port: number, proof?: string): Promise<number> => {
    const url = `${gatewayUrl}/mcp/files`
    const message = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'list_directory', arguments: { path: documents } },
    }
    const answer = await request(`http://127.0.0.1:${port}/mcp/files`, {
      method: 'POST',
      headers: {
        host: new URL(url).host,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        authorization: `DPoP ${token}`,
        dpop: proof ?? (await proofFor(url, token)),
      },
      body: JSON.stringify(message),
    })
    await answer.body.dump()
    const fresh = answer.headers['dpop-nonce']
    if (answer.statusCode === 401 && proof === undefined && typeof fresh === 'string' && fresh !== nonce) {
      nonce = fresh
      return call(port)
    }
    return answer.statusCode
  }

  const grants = async (): Promise<readonly { id: string; status: string; client: string }[]> =>
    (await command<{ grants: readonly { id: string; status: string; client: string }[] }>('grant', 'list')).grants

  const verify = () =>
    command<{ sound: boolean; records: number; findings: readonly { kind: string }[] }>('audit', 'verify')

  test('calls over all gateways and both authorities are one task in one ledger', async () => {
    for (let round = 0; round < 3; round += 1) {
      for (const { port } of gateways()) assert.equal(await call(port), 200)
    }
    const { records } = await command<{ records: readonly IndexedRecord[] }>('audit', 'tail', '--n', '200')
    const calls = records.filter(({ record }) => record.kind === 'intent' && record.method === 'tools/call')
    assert.equal(calls.length, 9)
    assert.equal(new Set(calls.map(({ record }) => record.emitter)).size, 3, 'each gateway has recorded')
    const [first] = calls
    const grant = first !== undefined && 'grant' in first.record ? String(first.record.grant) : ''
    const tree = JSON.stringify(await command('audit', 'trace', grant))
    for (const { record } of calls) assert.ok(tree.includes(record.id), 'the trace has every call')
    const writers = new Set(records.map(({ record }) => record.emitter.split('#')[0]))
    assert.equal([...writers].filter((name) => name?.startsWith('authority/')).length, 2, [...writers].join(' '))
    assert.equal((await verify()).sound, true)
  })

  test('of a hundred uses of one proof over three gateways, and of one assertion at two authorities, one is good', async () => {
    await call(gateways()[0]?.port ?? 0)
    const proof = await proofFor(`${gatewayUrl}/mcp/files`, token)
    const at = Array.from({ length: 100 }, (_, n) => gateways()[n % 3]?.port ?? 0)
    const answers = await Promise.all(at.map((port) => call(port, proof)))
    assert.equal(answers.filter((status) => status === 200).length, 1, answers.join(' '))

    const assertion = await createClientAssertion({
      signer,
      kid: thumbprint(signer.publicJwk),
      clientId,
      issuer,
      jti: newJti(),
      iat: Math.floor(nodeClock.now() / 1000),
    })
    let tokenNonce: string | undefined
    const ask = async (port: number, resource: string): Promise<number> => {
      const dpop = await createProof({
        signer,
        method: 'POST',
        url: `${issuer}/token`,
        jti: newJti(),
        iat: Math.floor(nodeClock.now() / 1000),
        ...(tokenNonce === undefined ? {} : { nonce: tokenNonce }),
      })
      const form = {
        grant_type: 'client_credentials',
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        client_assertion: assertion,
        resource,
      }
      const answer = await request(`http://127.0.0.1:${port}/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', dpop },
        body: new URLSearchParams(form).toString(),
      })
      await answer.body.dump()
      const fresh = answer.headers['dpop-nonce']
      if (typeof fresh === 'string') tokenNonce = fresh
      return answer.statusCode
    }
    await ask(authorities()[0]?.port ?? 0, `${gatewayUrl}/mcp/files`)
    const given = await Promise.all(
      Array.from({ length: 100 }, (_, n) => ask(authorities()[n % 2]?.port ?? 0, `${gatewayUrl}/mcp/files`)),
    )
    assert.equal(given.filter((status) => status === 200).length, 1, given.join(' '))
  })

  test('what is revoked is refused at every gateway a second later', async () => {
    for (const { port } of gateways()) assert.equal(await call(port), 200)
    const active = (await grants()).find(({ client, status }) => client === clientId && status === 'active')
    await command('grant', 'revoke', active?.id ?? '')
    await wait(1_000)
    for (const { port } of gateways()) assert.equal(await call(port), 401)
  })

  test('an authority that is killed is missed by nobody: calls go on, and nothing that was recorded is lost', async () => {
    await consent()
    const before = await verify()
    const victim = authorities()[1]?.pid ?? 0
    let working = true
    const statuses: number[] = []
    const load = (async () => {
      for (let n = 0; working; n += 1) {
        statuses.push(await call(gateways()[n % 3]?.port ?? 0))
        await wait(20)
      }
    })()
    await wait(500)
    process.kill(victim, 'SIGKILL')
    await wait(3_000)
    working = false
    await load
    assert.ok(
      statuses.every((status) => status === 200 || status === 503),
      statuses.join(' '),
    )
    assert.deepEqual(statuses.slice(-5), [200, 200, 200, 200, 200], statuses.join(' '))
    const done = statuses.filter((status) => status === 200).length
    await wait(500)
    const verdict = await verify()
    assert.equal(verdict.sound, true, JSON.stringify(verdict.findings))
    assert.ok(verdict.records >= before.records + 2 * done, 'an intent and an outcome for every call')
  })

  test('without PostgreSQL there is no cluster', async () => {
    await assert.rejects(stage.start('up', '--cluster', '--data-dir', join(stage.dir, 'other')), /--database-url/)
  })

  test('a copy of the ledger verifies without the database', async () => {
    const copy = join(stage.dir, 'copy')
    await command('audit', 'copy', copy)
    const own = await command<{ sound: boolean }>('audit', 'verify', copy)
    assert.equal(own.sound, true)
    await assert.rejects(command('audit', 'copy', copy), /exists already/)
  })
})
