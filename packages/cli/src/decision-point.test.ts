/** Somebody else's decision point, in a process of its own, instead of the domain's policies or beside them. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Agent } from '@credence/agent'
import type { IndexedRecord } from '@credence/audit'
import { silentLogger } from '@credence/kit/telemetry'
import type { IntentRecord, RefusalRecord } from '@credence/model'
import { remoteDecisions } from './compose/decision-point.ts'
import { loadSettings } from './settings.ts'
import {
  freePorts,
  killed,
  openAgent,
  openStage,
  openTestDomain,
  type Running,
  register,
  type Stage,
  type TestDomain,
} from './testing/index.ts'

const settingsWith = (decisionPoint: unknown) =>
  loadSettings({ flags: { 'data-dir': '/nowhere', 'decision-point': JSON.stringify(decisionPoint) }, env: {} })

test('settings: what is not understood is refused, and who alone decides is named as unsafe', () => {
  const good = { url: 'https://pdp.example/tenant', mode: 'beside' }
  assert.deepEqual(settingsWith(good).unsafe, [])
  assert.deepEqual(
    settingsWith({ ...good, mode: 'instead' }).unsafe.map(({ setting }) => setting),
    ['decisionPoint.mode'],
  )
  for (const wrong of [
    {},
    { url: good.url },
    { ...good, mode: 'maybe' },
    { ...good, url: 'ldap://pdp.example' },
    { ...good, timeoutMs: 0 },
    { ...good, credentials: { type: 'header' } },
    { ...good, credentials: { type: 'header', file: '/x', name: 'a b' } },
    { ...good, credentials: { type: 'password', file: '/x' } },
    { ...good, optional: true },
  ])
    assert.throws(() => settingsWith(wrong), { code: 'config_invalid' }, JSON.stringify(wrong))
})

test('a decision point in clear text beyond this machine is refused at the start', async () => {
  const allowPrivate = ['10.0.0.1:8181']
  for (const where of [
    { url: 'http://10.0.0.1:8181' },
    { url: 'http://pdp.example' },
    { url: 'https://pdp.example', endpoint: 'http://10.0.0.1:8181/e' },
  ]) {
    const decisionPoint = { ...where, mode: 'beside' } as const
    await assert.rejects(remoteDecisions({ decisionPoint, allowPrivate }, silentLogger), { code: 'config_invalid' })
  }
})

test('a secret from a file goes to the server that was configured, and to no other that its metadata names', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-pdp-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'authorization')
  writeFileSync(file, 'Bearer sesame\n')
  const heard: string[] = []
  const serve = async (answer: (origin: string, path: string) => unknown): Promise<string> => {
    const server = createServer((request, response) => {
      heard.push(`${request.url} ${request.headers.authorization ?? 'nothing'}`)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(origin, request.url ?? '')))
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return origin
  }
  const other = await serve(() => ({ decision: true }))
  const decide = async (endpoint: (origin: string) => string) => {
    const url = await serve((origin, path) =>
      path.startsWith('/.well-known')
        ? { policy_decision_point: origin, access_evaluation_endpoint: endpoint(origin) }
        : { decision: true },
    )
    const decisionPoint = { url, mode: 'instead', credentials: { type: 'header', file } } as const
    const allowPrivate = [url, other].map((one) => new URL(one).host)
    const remote = await remoteDecisions({ decisionPoint, allowPrivate }, silentLogger)
    const operation = { method: 'tools/call', name: 'x', resource: 'r', arguments: {}, labels: {}, op: 'o' }
    const caller = { subject: { iss: 'i', sub: 's' }, actors: [], scope: [], clientId: 'c' }
    try {
      const never = { decide: () => assert.fail('our own was asked') }
      return (await remote.around(never, () => undefined).decide(operation as never, caller as never)).effect
    } catch (error) {
      return (error as { code: unknown }).code
    } finally {
      await remote.close()
    }
  }
  assert.equal(await decide((origin) => `${origin}/e`), 'granted')
  assert.deepEqual(heard.splice(0), ['/.well-known/authzen-configuration nothing', '/e Bearer sesame'])
  assert.equal(await decide(() => `${other}/e`), 'decider_unavailable')
  assert.deepEqual(heard, ['/.well-known/authzen-configuration nothing'])
})

const SCHEMA = `
  entity identity;
  entity mcp_server;
  entity tool = { properties?: { server?: String, arguments?: { path?: String } } };
  action "initialize", "server/discover", "tools/list" appliesTo {
    principal: [identity], resource: [mcp_server], context: { agent?: String }
  };
  action "tools/call" appliesTo { principal: [identity], resource: [tool], context: { agent?: String } };
`
/** Lists folders, and reads no file. */
const POLICIES = `
  @id("company-connect")
  permit (principal is identity, action in [Action::"initialize", Action::"server/discover", Action::"tools/list"], resource is mcp_server);
  @id("company-folders")
  permit (principal is identity, action == Action::"tools/call", resource == tool::"list_directory");
`

/** A decision point with metadata and one tenant, to which agents of its domain have access. */
const openCompany = async (stage: Stage) => {
  const folder = join(stage.dir, 'company')
  mkdirSync(folder)
  writeFileSync(join(folder, 'schema.cedarschema'), SCHEMA)
  writeFileSync(join(folder, 'company.cedar'), POLICIES)
  const [one, two] = await freePorts(2)
  const issuer = `http://localhost:${one}`
  const config = stage.writeJson('pdp.json', {
    issuer,
    gatewayUrl: `http://localhost:${two}`,
    tenants: { company: { folder } },
  })
  const flags = ['--data-dir', join(stage.dir, 'pdp'), '--config', config]
  const running = await stage.start('up', ...flags)
  const { folder: identity } = await stage.command<{ folder: string }>('agent', 'add', 'enforcer', ...flags)
  return { running, issuer, identity, host: new URL(issuer).host }
}

describe('a domain that asks a company beside its own policies', { timeout: 120_000 }, () => {
  let stage: Stage
  let domain: TestDomain
  let agent: Agent
  let company: Running
  before(async () => {
    stage = openStage()
    const { running, issuer, identity, host } = await openCompany(stage)
    company = running
    domain = await openTestDomain({
      settings: {
        allowPrivate: [host],
        decisionPoint: {
          url: `${issuer}/company`,
          mode: 'beside',
          name: 'company',
          timeoutMs: 5_000,
          credentials: { type: 'agent', identity },
        },
      },
    })
    agent = await courier(domain)
  })
  after(async () => {
    await agent?.close()
    await domain?.close()
    await stage.close()
  })

  const records = async <R>(kind: string): Promise<readonly R[]> => {
    const answer = await domain.command<{ records: readonly IndexedRecord[] }>(
      'audit',
      'tail',
      '--kind',
      kind,
      '--n',
      '50',
    )
    return answer.records.map(({ record }) => record as R)
  }

  test('both said yes: the call goes through, and the record says who said what', async () => {
    const client = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
    const names = (await client.listTools()).tools.map(({ name }) => name)
    assert.deepEqual(names, ['list_directory'], 'what the company would refuse is not shown')
    const { isError } = await client.callTool({ name: 'list_directory', arguments: { path: domain.documents } })
    assert.notEqual(isError, true)
    const [intent] = (await records<IntentRecord>('intent')).filter(({ name }) => name === 'list_directory')
    assert.deepEqual(
      intent?.decision.by?.map(({ point, effect }) => [point, effect]),
      [
        ['own', 'granted'],
        ['company', 'granted'],
      ],
    )
    assert.ok(intent?.decision.policies.includes('company/company-folders'))
    await client.close()
  })

  test('the company said no to what our own policies allow', async () => {
    const client = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
    await assert.rejects(
      client.callTool({ name: 'read_text_file', arguments: { path: `${domain.documents}/hello.txt` } }),
    )
    const [refusal] = (await records<RefusalRecord>('refusal')).filter(({ name }) => name === 'read_text_file')
    assert.equal(refusal?.code, 'policy_refused')
    assert.deepEqual(
      refusal?.decision?.by?.map(({ point, effect }) => [point, effect]),
      [
        ['own', 'granted'],
        ['company', 'refused'],
      ],
    )
    const told = await domain.command<{ answer: string; notes: string[] }>(
      'policy',
      'explain',
      String(refusal?.decision?.id),
    )
    assert.match(told.notes.join('\n'), /Recorded: allow by/)
    assert.match(told.notes.join('\n'), /Asked too: company said refused \(dec_/)
    assert.doesNotMatch(told.notes.join('\n'), /other policies/)
    await client.close()
  })

  test('the company is gone: nothing is allowed', async () => {
    const client = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
    await killed(company)
    await assert.rejects(
      client.callTool({ name: 'list_directory', arguments: { path: domain.documents } }),
      /No decision/,
    )
    const gone = (await records<RefusalRecord>('refusal')).filter(({ code }) => code === 'decider_unavailable')
    assert.equal(gone.length, 1)
    await client.close()
  })
})

/** The consent page names the tools once the server has told them. */
const toolsAreKnown = async (domain: TestDomain): Promise<void> => {
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const { tools } = await domain.command<{ tools: readonly unknown[] }>('server', 'show', 'files')
    if (tools.length > 0) return
  }
  assert.fail('the server told no tools')
}

const courier = async (domain: TestDomain): Promise<Agent> => {
  await toolsAreKnown(domain)
  const made = await register(domain, 'courier')
  return await openAgent(domain, made, ['list_directory', 'read_text_file'])
}

test('instead: the company alone decides, for a gateway in a process of its own too', {
  timeout: 120_000,
}, async (t) => {
  const stage = openStage()
  const { issuer, identity, host } = await openCompany(stage)
  const [elsewhere = 0] = await freePorts(1)
  // The address that clients use leads to the gateway in a process of its own.
  const domain = await openTestDomain({ settings: { gatewayPort: elsewhere } })
  t.after(async () => {
    await domain.close()
    await stage.close()
  })
  const node = await domain.command<{ folder: string }>('agent', 'add', 'gateway-2', '--node')
  const config = domain.stage.writeJson('node.json', {
    ...JSON.parse(await (await import('node:fs/promises')).readFile(domain.config, 'utf8')),
    allowPrivate: [host],
    gatewayPort: domain.gatewayPort,
    decisionPoint: {
      url: `${issuer}/company`,
      mode: 'instead',
      timeoutMs: 5_000,
      credentials: { type: 'agent', identity },
    },
  })
  const flags = ['--config', config, '--data-dir', join(domain.stage.dir, 'second'), '--identity', node.folder]
  const running = await domain.stage.start('gateway', ...flags, '--routed-by-key')
  assert.match(JSON.stringify(running.ready.unsafe ?? ''), /decisionPoint|^""$/)
  const agent = await courier(domain)
  t.after(() => agent.close())
  const client = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
  assert.notEqual(
    (await client.callTool({ name: 'list_directory', arguments: { path: domain.documents } })).isError,
    true,
  )
  await assert.rejects(
    client.callTool({ name: 'read_text_file', arguments: { path: `${domain.documents}/hello.txt` } }),
  )
  await client.close()
  const { records } = await domain.command<{ records: readonly IndexedRecord[] }>(
    'audit',
    'tail',
    '--n',
    '50',
    '--kind',
    'intent',
  )
  const calls = records.map(({ record }) => record as IntentRecord).filter(({ method }) => method === 'tools/call')
  assert.deepEqual(
    calls.map(({ decision }) => decision.by?.map(({ point, effect }) => [point, effect])),
    [[[host, 'granted']]],
  )
})
