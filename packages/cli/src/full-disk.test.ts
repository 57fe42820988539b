/** A revocation is what must still work when nothing else does: here on a file system that is really full. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { type Agent, createAgent, loadSigner } from '@credence/agent'
import { newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { LedgerRecord } from '@credence/model'
import { CLIENT_ASSERTION_TYPE, createClientAssertion } from '@credence/protocol/oauth'
import { type Api, operatorApi } from './api.ts'
import { identityFolder, keyFile } from './identities.ts'
import { MAIN, openTestDomain, type TestDomain } from './testing/index.ts'

const root = process.platform === 'linux' && process.getuid?.() === 0
const needsRoot = root ? false : 'platform: mounting a small file system takes root on Linux'

const SIZES = [65_536, 512, 1]

/** Everything that is left, to the last byte. */
const fill = (folder: string): void => {
  for (const size of SIZES) {
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

interface Victim {
  readonly id: string
  readonly agent: Agent
  /** One call with the token that the agent holds already. */
  readonly call: () => Promise<number>
}

describe('a full disk', { skip: needsRoot, timeout: 180_000 }, () => {
  let small: string
  let domain: TestDomain
  let api: Api
  let opened: { close(): Promise<unknown> }[] = []
  const victims: Victim[] = []
  before(async () => {
    small = mkdtempSync(join(tmpdir(), 'credence-small-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', small])
    domain = await openTestDomain({ dataDir: join(small, 'data') })
    api = operatorApi(domain.dataDir)
    opened = [api, domain]
  })
  after(async () => {
    // What never opened leaves nothing but the file system behind.
    for (const one of [...victims.map(({ agent }) => agent), ...opened]) await one.close()
    execFileSync('umount', ['-l', small])
    rmSync(small, { recursive: true, force: true })
  })

  const agentOf = async (name: string, id: string, ask?: (url: string) => Promise<void>): Promise<Agent> =>
    createAgent({
      clientId: id,
      signer: await loadSigner(keyFile(identityFolder(domain.dataDir, name))),
      clock: nodeClock,
      random: nodeRandom,
      allowPrivate: [new URL(domain.issuer).host, new URL(domain.gatewayUrl).host],
      ...(ask === undefined ? {} : { ask: ({ url }) => ask(url) }),
    })

  /** An agent that acts for itself and holds a token. */
  const alone = async (name: string): Promise<Victim> => {
    const { id } = await domain.command<{ id: string }>('agent', 'add', name)
    const agent = await agentOf(name, id)
    const fetch = agent.apiFetch(domain.issuer, `${domain.issuer}/v1`, 'decide')
    const question = { subject: { type: 'agent', id }, resource: { type: 'tool', id: 'x' }, action: { name: 'x' } }
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(question) }
    const victim = { id, agent, call: async () => (await fetch(`${domain.issuer}/access/v1/evaluation`, init)).status }
    victims.push(victim)
    return victim
  }

  /** An agent with a grant of the person, and a token of it. */
  const granted = async (name: string): Promise<Victim & { readonly grant: string }> => {
    const { id } = await domain.command<{ id: string }>('agent', 'add', name)
    let asked = 0
    const agent = await agentOf(name, id, async (url) => {
      asked += 1
      if (asked > 1) throw new Error('asked again')
      await domain.person.allow(url, ['list_directory'])
    })
    const url = `${domain.gatewayUrl}/mcp/files`
    const fetch = agent.fetchFor(url)
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
    const call = async () => (await fetch(url, { method: 'POST', headers, body })).status
    const victim = { id, agent, call }
    victims.push(victim)
    assert.equal(await call(), 200)
    const { grants } = await api.get<{ grants: { id: string; client: string }[] }>('/v1/grants')
    return { ...victim, grant: String(grants.find(({ client }) => client === id)?.id) }
  }

  /** `credence` in a process that holds nothing yet. */
  const fresh = async (...argv: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...[MAIN, ...argv, '--json'],
      ...['--data-dir', domain.dataDir, '--config', domain.config],
    ])
    return JSON.parse(stdout) as Record<string, unknown>
  }

  const stopped = async ({ call }: Victim, by: () => Promise<unknown>): Promise<void> => {
    assert.equal(await call(), 200)
    await by()
    const status = await call().catch((error: { kind?: string; message: string }) => error.message)
    assert.notEqual(status, 200)
  }

  const tokenOf = async (agent: Victim['agent']): Promise<string> =>
    (await agent.tokenFor(domain.issuer, `${domain.issuer}/v1`, 'decide')).accessToken

  /** RFC 7009: a client gives two tokens of its own back, with one assertion. */
  const giveBack = async (name: string, victim: Victim, spare: string): Promise<readonly number[]> => {
    const signer = await loadSigner(keyFile(identityFolder(domain.dataDir, name)))
    const [iat, jti] = [Math.floor(Date.now() / 1000), newId('jti', nodeRandom)]
    const client = {
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: await createClientAssertion({ signer, clientId: victim.id, issuer: domain.issuer, jti, iat }),
    }
    const post = async (token: string) => {
      const body = new URLSearchParams({ ...client, token })
      return (await fetch(`${domain.issuer}/revoke`, { method: 'POST', body })).status
    }
    return [await post(await tokenOf(victim.agent)), await post(spare)]
  }

  const owed = async (): Promise<number> => (await api.get<{ ledger: { owed: number } }>('/v1/status')).ledger.owed

  const recorded = async (): Promise<LedgerRecord[]> => {
    const { records } = await api.get<{ records: { record: LedgerRecord }[] }>('/v1/audit/records?n=1000')
    return records.map(({ record }) => record)
  }

  test('what takes authority away is done, by fresh processes too, nothing else is, and the records follow', async () => {
    const thief = await alone('thief')
    const other = await alone('other')
    const third = await alone('third')
    const quitter = await alone('quitter')
    const helper = await granted('helper')
    for (const { call } of [thief, other, third, quitter]) assert.equal(await call(), 200)
    const again = await agentOf('quitter', quitter.id)
    const spare = await tokenOf(again).finally(() => again.close())
    fill(small)

    await assert.rejects(api.send('POST', '/v1/owners', { name: 'more', kind: 'team' }), { kind: 'unavailable' })
    await assert.rejects(fresh('agent', 'add', 'more'))
    await assert.rejects(fresh('agent', 'resume', thief.id))
    // By a token from before, and by processes that have to get one first: by identifier, by name, a grant.
    await stopped(third, () => api.send('POST', `/v1/agents/${third.id}/suspend`))
    await stopped(other, () => fresh('revoke', '--agent', other.id))
    await stopped(helper, () => fresh('grant', 'revoke', helper.grant))
    await stopped(quitter, async () => assert.deepEqual(await giveBack('quitter', quitter, spare), [200, 401]))
    await stopped(thief, () => fresh('agent', 'suspend', 'thief'))

    for (const size of SIZES) rmSync(join(small, `fill-${size}`))
    for (let wait = 0; wait < 100 && (await owed()) > 0; wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(await owed(), 0)
    const intents = (await recorded()).filter((one) => one.kind === 'intent')
    for (const [method, target] of [
      ['agent.suspend', thief.id],
      ['authority.revoke', `agent:${other.id}`],
      ['grant.revoke', helper.grant],
    ]) {
      const withdrawal = intents.find((one) => one.method === method && one.name === target)
      assert.ok(withdrawal?.jti !== undefined, `${method} of ${target}`)
      const issued = intents.find((one) => one.method === 'token.issue' && one.facts?.jti === withdrawal.jti)
      assert.equal(issued?.name, `${domain.issuer}/v1`, `the token for ${method}`)
    }
    const verdict = await domain.command<{ sound: boolean }>('audit', 'verify')
    assert.ok(verdict.sound, JSON.stringify(verdict))
  })
})
