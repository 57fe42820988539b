/**
 * Invariant 5: no private key and no token in a log, record, error or metric. Everything that is secret in a real flow is
 * gathered, everything that leaves the processes is searched for it, in its own form and in base64.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createAgent, createMemoryTokenStore, loadSigner } from '@credence/agent'
import { nodeClock, nodeFetch, nodeRandom } from '@credence/kit/node'
import { openTestDomain, type TestDomain } from './testing/index.ts'

const secrets = new Map<string, string>()
const outlets = new Map<string, string>()
let domain: TestDomain
let proofs = 0

const keep = (name: string, value: string | undefined | null): void => {
  if (value !== undefined && value !== null && value.length >= 12) secrets.set(name, value)
}

/** A `fetch` that notes what is secret in requests and answers, and keeps what answers say to a caller who was refused. */
const listening: typeof globalThis.fetch = async (input, init) => {
  const headers = new Headers(init?.headers)
  if (headers.has('dpop')) keep(`proof ${proofs++}`, headers.get('dpop'))
  const response = await nodeFetch(input, init)
  if (response.status >= 400) outlets.set(`error ${outlets.size} ${String(input)}`, await response.clone().text())
  return response
}

before(async () => {
  domain = await openTestDomain({ logLevel: 'debug' })
  let logged = ''
  for (const stream of [domain.up.child.stdout, domain.up.child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      logged += chunk.toString()
      outlets.set('log', logged)
    })
  }
  await playThrough()
  outlets.set('metrics', await (await nodeFetch(`${domain.issuer}/metrics`)).text())
  outlets.set('gateway metrics', await (await nodeFetch(`${domain.gatewayUrl}/metrics`)).text())
  for (const file of readdirSync(join(domain.dataDir, 'ledger'), { recursive: true, withFileTypes: true })) {
    if (file.isFile()) outlets.set(`ledger ${file.name}`, readFileSync(join(file.parentPath, file.name), 'latin1'))
  }
  outlets.set('cli', JSON.stringify(await domain.command('audit', 'tail')))
  outlets.set('inventory', JSON.stringify(await domain.command('inventory')))
})
after(() => domain?.close())

/** A grant, calls that work and calls that are refused in every way that names what was presented. */
const playThrough = async (): Promise<void> => {
  const made = await domain.command<{ id: string; folder: string }>('agent', 'add', 'courier')
  const pem = readFileSync(join(made.folder, 'key.pem'), 'utf8')
  keep('agent key', pem.split('\n').slice(1, -2).join(''))
  const memory = createMemoryTokenStore()
  const agent = createAgent({
    clientId: made.id,
    signer: await loadSigner(join(made.folder, 'key.pem')),
    clock: nodeClock,
    random: nodeRandom,
    allowPrivate: [domain.issuer, domain.gatewayUrl].map((url) => new URL(url).host),
    send: listening,
    store: {
      ...memory,
      set: (key, held) => {
        keep('access token', held.accessToken)
        keep('refresh token', held.refreshToken)
        return memory.set(key, held)
      },
    },
    ask: ({ url }) => {
      keep('request uri', new URL(url).searchParams.get('request_uri'))
      return domain.person.allow(url, ['list_directory'])
    },
  })
  const url = `${domain.gatewayUrl}/mcp/files`
  const client = await agent.connect(url, { scope: 'mcp:tools offline_access' })
  await client.callTool({ name: 'list_directory', arguments: { path: domain.documents } })
  await assert.rejects(client.callTool({ name: 'write_file', arguments: { path: 'x', content: 'the-content-canary' } }))
  keep('argument', 'the-content-canary')
  await client.close()
  await agent.close()
  const token = secrets.get('access token') ?? ''
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  for (const authorization of [`Bearer ${token}`, `DPoP ${token}`, `DPoP ${token}x`, `Bearer ${token} ${token}`]) {
    await listening(url, { method: 'POST', body, headers: { 'content-type': 'application/json', authorization } })
  }
  await listening(`${url}?access_token=${token}`, { method: 'POST', body })
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: secrets.get('refresh token') ?? 'none',
  })
  await listening(`${domain.issuer}/token`, { method: 'POST', body: form })
  for (const name of ['kek', 'operator.json', 'setup-link']) keepFile(name)
}

const keepFile = (name: string): void => {
  const file = join(domain.dataDir, name)
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch {
    return
  }
  if (!text.startsWith('{')) keep(name, text.split(/[#=]/).at(-1))
  else keep(name, (JSON.parse(text) as { privateJwk?: { d?: string } }).privateJwk?.d)
}

const forms = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64'),
  Buffer.from(secret).toString('base64url'),
]

test('the flow had secrets, and things that leave', () => {
  for (const name of ['access token', 'refresh token', 'agent key', 'kek', 'operator.json', 'proof 0']) {
    assert.ok(secrets.has(name), `no ${name} was gathered: ${[...secrets.keys()].join(', ')}`)
  }
  for (const name of ['log', 'metrics', 'gateway metrics', 'cli', 'inventory']) assert.ok(outlets.has(name), name)
  assert.ok([...outlets.keys()].some((name) => name.startsWith('ledger ')))
  assert.ok([...outlets.keys()].filter((name) => name.startsWith('error ')).length >= 6)
})

test('none of them is in a log, record, error or metric', () => {
  for (const [secret, value] of secrets) {
    for (const [outlet, text] of outlets) {
      for (const form of forms(value)) assert.ok(!text.includes(form), `${secret} stands in ${outlet}`)
    }
  }
})
