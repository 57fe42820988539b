/** Enforcement points with client certificates: real TLS, real certificates, and those that must not be believed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent as HttpsAgent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createAuthZenDecider } from '@credence/guard/authzen'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { addAgent } from '../testing/seed.ts'
import { asOperator, freePort, openWorld, type TestAgent, type World } from '../testing/world.ts'
import { keyThumbprint } from './certificate-key.ts'
import type { CertificateCaller } from './certificates.ts'

const dir = mkdtempSync(join(tmpdir(), 'credence-mtls-'))
const path = (name: string) => join(dir, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'ignore'] })

interface Pair {
  readonly cert: string
  readonly key: string
}
const pair = (name: string): Pair => ({
  cert: readFileSync(path(`${name}.pem`), 'utf8'),
  key: readFileSync(path(`${name}.key`), 'utf8'),
})
const newKey = (name: string) =>
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path(`${name}.key`))

const authority = (name: string): Pair => {
  newKey(name)
  openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    path(`${name}.key`),
    '-subj',
    '/CN=Test CA',
    '-days',
    '2',
    '-out',
    path(`${name}.pem`),
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign',
  )
  return pair(name)
}

interface Wanted {
  readonly san?: string
  readonly usage?: string
  readonly days?: string
  readonly extensions?: string
  readonly digest?: string
}
const issued = (
  name: string,
  ca: string,
  { san = 'DNS:envoy.internal', usage = 'clientAuth', days = '1', extensions = '', digest = '-sha256' }: Wanted = {},
): Pair => {
  newKey(name)
  openssl('req', '-new', '-key', path(`${name}.key`), '-subj', '/CN=envoy.internal', '-out', path(`${name}.csr`))
  const file = path(`${name}.ext`)
  writeFileSync(file, `subjectAltName=${san}\n${usage === '' ? '' : `extendedKeyUsage=${usage}\n`}${extensions}`)
  openssl(
    'x509',
    '-req',
    '-in',
    path(`${name}.csr`),
    '-CA',
    path(`${ca}.pem`),
    '-CAkey',
    path(`${ca}.key`),
    '-CAcreateserial',
    digest,
    '-days',
    days,
    '-extfile',
    file,
    '-out',
    path(`${name}.pem`),
  )
  return pair(name)
}
const hashOf = ({ cert }: Pair) => createHash('sha256').update(new X509Certificate(cert).raw).digest('hex')

const QUESTION = {
  subject: { type: 'user', id: 'alice' },
  action: { name: 'read' },
  resource: { type: 'record', id: '1' },
}

describe('client certificates', () => {
  const serverCa = authority('server-ca')
  const server = issued('server', 'server-ca', { san: 'IP:127.0.0.1', usage: 'serverAuth' })
  const company = authority('company')
  const twin = authority('twin')
  authority('other')
  const envoy = issued('envoy', 'company')
  const pinned = issued('pinned', 'other', { san: 'DNS:whatever' })
  // An authority whose own authority nobody configured.
  authority('apart')
  const mesh = issued('mesh', 'apart', {
    san: 'DNS:mesh',
    usage: '',
    extensions: 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n',
  })
  const below = issued('below', 'mesh', { san: 'DNS:below.internal' })
  const trust = getGlobalDispatcher()
  let world: World
  let agent: TestAgent
  let port: number
  const callers: CertificateCaller[] = []

  before(async () => {
    setGlobalDispatcher(new Agent({ connect: { ca: serverCa.cert } }))
    port = await freePort()
    const config = {
      issuer: `https://127.0.0.1:${port}`,
      listen: { host: '127.0.0.1', port },
      tls: server,
      trustedProxies: ['127.0.0.9'],
      decisionCallers: callers,
    }
    const first = await openWorld({ config: { ...config, decisionCallers: [] } })
    agent = await addAgent(first)
    await first.authority.close()
    callers.push(
      { name: 'envoy', agent: agent.clientId, by: { kind: 'authority', ca: company.cert, san: 'DNS:envoy.internal' } },
      { name: 'twin', agent: agent.clientId, by: { kind: 'authority', ca: twin.cert, san: 'DNS:twin.internal' } },
      { name: 'kong', agent: agent.clientId, by: { kind: 'hash', sha256: hashOf(pinned) } },
      { name: 'below', agent: agent.clientId, by: { kind: 'authority', ca: mesh.cert, san: 'DNS:below.internal' } },
      {
        name: 'ghost',
        agent: 'agt_AAAAAAAAAAAAAAAAAAAAAA',
        by: { kind: 'authority', ca: company.cert, san: 'DNS:ghost.internal' },
      },
    )
    world = await openWorld({ config: { ...config, dataDir: first.config.dataDir } })
  })
  after(async () => {
    await world?.close()
    setGlobalDispatcher(trust)
    rmSync(dir, { recursive: true, force: true })
  })

  const ask = (
    client: Pair | undefined,
    more: { path?: string; method?: string; headers?: Record<string, string>; from?: string; agent?: HttpsAgent } = {},
  ) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port,
          ca: serverCa.cert,
          ...client,
          agent: more.agent ?? false,
          method: more.method ?? 'POST',
          path: more.path ?? '/access/v1/evaluation',
          headers: { 'content-type': 'application/json', ...more.headers },
          ...(more.from === undefined ? {} : { localAddress: more.from }),
        },
        (answer) => {
          let text = ''
          answer.on('data', (chunk) => {
            text += chunk
          })
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
        },
      )
      sent.on('error', reject)
      sent.end((more.method ?? 'POST') === 'POST' ? JSON.stringify(QUESTION) : undefined)
    })

  test('an enforcement point by authority and name, and one by the hash of its certificate, are answered', async () => {
    for (const client of [envoy, pinned]) {
      const { status, text } = await ask(client)
      assert.equal(status, 200, text)
      assert.equal(JSON.parse(text).decision, false)
    }
  })

  test('an authority below another one is enough, whether its certificate is sent along or not; above it, it is none', async () => {
    assert.equal((await ask(below)).status, 200)
    assert.equal((await ask({ ...below, cert: below.cert + mesh.cert })).status, 200)
    const skipped = issued('skipped', 'apart', { san: 'DNS:below.internal' })
    assert.equal((await ask(skipped)).status, 401, 'by the authority above')
    const deeper = issued('deeper', 'mesh', {
      san: 'DNS:deeper',
      usage: '',
      extensions: 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n',
    })
    const under = issued('under', 'deeper', { san: 'DNS:below.internal' })
    assert.equal((await ask({ ...under, cert: under.cert + deeper.cert })).status, 401, 'by one below')
    for (const [why, wanted] of [
      ['expired', { days: '-1' }],
      ['for servers only', { usage: 'serverAuth' }],
      ['another name', { san: 'DNS:else.internal' }],
      ['signed over SHA-1', { digest: '-sha1' }],
    ] as const) {
      const wrong = issued(`below-${why.replaceAll(' ', '-')}`, 'mesh', { san: 'DNS:below.internal', ...wanted })
      assert.equal((await ask(wrong)).status, 401, why)
    }
  })

  test('our own enforcement point asks with its certificate', async () => {
    const host = `127.0.0.1:${port}`
    const decide = async (more: object) => {
      const fetch = createSafeFetch({
        clock: nodeClock,
        allowPrivate: [host],
        ca: [serverCa.cert],
        keepConnections: 2,
        ...more,
      })
      const decider = createAuthZenDecider({
        decisionPoint: `https://${host}`,
        clock: nodeClock,
        random: nodeRandom,
        fetch,
        request: () => QUESTION,
      })
      try {
        return (await decider.decide({} as never, {} as never)).effect
      } catch (error) {
        return (error as { code: unknown }).code
      } finally {
        await fetch.close()
      }
    }
    assert.equal(await decide({ certificate: envoy }), 'refused')
    assert.equal(await decide({}), 'decider_unavailable')
  })

  test('no certificate, and every one that is not the right one: 401', async () => {
    const expired = issued('expired', 'company', { days: '-1' })
    const selfSigned = authority('self')
    const wrong: readonly (readonly [string, Pair | undefined])[] = [
      ['none', undefined],
      ['another authority', issued('stranger', 'other')],
      ['the same name of an authority with the same subject', issued('twin-envoy', 'twin')],
      ['expired', expired],
      ['another name', issued('renamed', 'company', { san: 'DNS:evil.internal' })],
      ['the name only as common name', issued('nameless', 'company', { san: 'DNS:x' })],
      ['a name that contains it', issued('longer', 'company', { san: 'DNS:envoy.internal.evil' })],
      ['a wildcard', issued('wild', 'company', { san: 'DNS:*.internal' })],
      ['the name within another kind of name', issued('kind', 'company', { san: 'URI:x://DNS:envoy.internal' })],
      ['two names in one text', issued('quoted', 'company', { san: 'email:a@b.c, DNS:envoy.internal' })],
      ['for servers only', issued('serving', 'company', { usage: 'serverAuth' })],
      ['self-signed', selfSigned],
      ['a certificate that was made by a pinned one', issued('child', 'other', { san: 'DNS:whatever' })],
      ['that of an agent that is not registered', issued('ghost', 'company', { san: 'DNS:ghost.internal' })],
    ]
    for (const [why, client] of wrong) {
      const { status, text } = await ask(client)
      if (why === 'two names in one text') assert.equal(status, 200, 'a second name of the right kind counts')
      else assert.equal(status, 401, `${why}: ${text}`)
    }
  })

  test('a certificate in a header field is nothing, and behind a trusted proxy that of the connection is the proxy’s', async () => {
    const said = encodeURIComponent(envoy.cert)
    const headers = {
      'x-forwarded-client-cert': `Cert="${said}"`,
      'x-client-cert': said,
      'ssl-client-cert': said,
      'x-ssl-client-verify': 'SUCCESS',
      'client-cert': `:${new X509Certificate(envoy.cert).raw.toString('base64')}:`,
    }
    assert.equal((await ask(undefined, { headers })).status, 401)
    assert.equal((await ask(undefined, { headers, from: '127.0.0.9' })).status, 401)
    assert.equal((await ask(envoy, { from: '127.0.0.9' })).status, 401)
    assert.equal((await ask(envoy, { headers: { 'x-forwarded-for': '127.0.0.9' } })).status, 200)
  })

  test('it opens the decision point and nothing else; a token in the same request is judged alone', async () => {
    for (const route of ['/v1/agents', '/v1/state', '/v1/audit/records'])
      assert.equal((await ask(envoy, { path: route, method: 'GET' })).status, 401, route)
    assert.equal((await ask(envoy, { headers: { authorization: 'DPoP x.y.z' } })).status, 401)
    assert.equal((await ask(envoy, { headers: { dpop: 'x' } })).status, 401)
  })

  test('a suspended agent is refused, and answered again when it is resumed', async () => {
    const operator = await asOperator(world)
    await operator.call('POST', `/v1/agents/${agent.clientId}/suspend`)
    assert.equal((await ask(envoy)).status, 401)
    await operator.call('POST', `/v1/agents/${agent.clientId}/resume`)
    assert.equal((await ask(envoy)).status, 200)
  })

  test('a key that was revoked is refused on the connection that it has, and after a restart; others are not concerned', async () => {
    const operator = await asOperator(world)
    const gone = issued('gone', 'company')
    const kept = new HttpsAgent({ keepAlive: true, maxSockets: 1, ca: serverCa.cert, ...gone })
    assert.equal((await ask(gone, { agent: kept })).status, 200)
    const jkt = keyThumbprint(new X509Certificate(gone.cert))
    assert.equal((await operator.call('POST', '/v1/revocations', { kind: 'key', id: jkt })).status, 200)
    assert.equal((await ask(gone, { agent: kept })).status, 401)
    kept.destroy()
    await world.restart()
    assert.equal((await ask(gone)).status, 401)
    assert.equal((await ask(envoy)).status, 200)
  })

  test('without TLS at the listener the setting is refused, and so is an authority that is none', async () => {
    await assert.rejects(openWorld({ config: { decisionCallers: callers } }), /need TLS at this listener/)
    const by = { kind: 'authority', ca: envoy.cert, san: 'DNS:x' } as const
    const config = { tls: server, decisionCallers: [{ name: 'leaf', agent: agent.clientId, by }] }
    await assert.rejects(openWorld({ config }), /decisionCallers\.leaf\.ca/)
  })
})
