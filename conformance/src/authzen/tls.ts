/** The decision point over HTTPS, as the certification level Discovery wants it, and its callers by client certificate. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { EXAMPLE_FOLDER } from '@credence/authority'
import { MAIN, openStage, type Stage } from '@credence/cli/testing'
import { attempt, type Check } from '../suite.ts'
import { freePort } from '../world.ts'
import { fixture, GOOD } from './certification.ts'

interface Pair {
  readonly cert: string
  readonly key: string
}

/** An authority, and certificates of it, made with openssl. */
const workshop = ({ dir }: Stage) => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore', cwd: dir })
  const newKey = (name: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
  const read = (name: string): Pair => ({
    cert: readFileSync(join(dir, `${name}.pem`), 'utf8'),
    key: readFileSync(join(dir, `${name}.key`), 'utf8'),
  })
  return {
    authority: (name: string): Pair => {
      newKey(name)
      const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign']
      openssl(
        'req',
        '-x509',
        '-new',
        '-key',
        `${name}.key`,
        '-subj',
        `/CN=${name}`,
        '-days',
        '2',
        '-out',
        `${name}.pem`,
        ...extensions,
      )
      return read(name)
    },
    issue: (name: string, ca: string, san: string): Pair => {
      newKey(name)
      writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${san}\n`)
      openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        `${ca}.pem`,
        '-CAkey',
        `${ca}.key`,
        '-CAcreateserial',
        '-days',
        '1',
        '-extfile',
        `${name}.ext`,
        '-out',
        `${name}.pem`,
      )
      return read(name)
    },
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

const asker = (issuer: string, ca: string) => (path: string, body: unknown, client?: Pair) =>
  new Promise<Answer>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const sent = request(`${issuer}${path}`, { method, headers, ca, agent: false, ...client }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', text }),
      )
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })

/** The command line as its user runs it, who trusts the authority of the server. */
const addAgent = (stage: Stage, flags: readonly string[], trusted: string): string => {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: trusted }
  const { stdout, stderr } = spawnSync(process.execPath, [MAIN, 'agent', 'add', 'envoy', ...flags, '--json'], {
    env,
    encoding: 'utf8',
    cwd: stage.dir,
  })
  assert.notEqual(stdout, '', stderr)
  return String((JSON.parse(stdout) as { id: unknown }).id)
}

const openServer = async (stage: Stage) => {
  const make = workshop(stage)
  const trusted = make.authority('server-ca')
  make.authority('mesh')
  make.authority('other')
  make.issue('server', 'server-ca', 'IP:127.0.0.1')
  const clients = {
    envoy: make.issue('envoy', 'mesh', 'DNS:envoy.internal'),
    stranger: make.issue('stranger', 'other', 'DNS:envoy.internal'),
    renamed: make.issue('renamed', 'mesh', 'DNS:kong.internal'),
  }
  const issuer = `https://127.0.0.1:${await freePort()}`
  const settings = {
    issuer,
    gatewayUrl: `http://127.0.0.1:${await freePort()}`,
    tlsCert: join(stage.dir, 'server.pem'),
    tlsKey: join(stage.dir, 'server.key'),
    exampleTenant: 'open',
    tenants: { closed: { folder: EXAMPLE_FOLDER } },
  }
  const flags = ['--data-dir', join(stage.dir, 'data'), '--config', stage.writeJson('tls.json', settings)]
  const first = await stage.start('up', ...flags)
  const agent = addAgent(stage, flags, join(stage.dir, 'server-ca.pem'))
  await stage.close(first)
  const callers = { envoy: { agent, ca: join(stage.dir, 'mesh.pem'), san: 'DNS:envoy.internal' } }
  stage.writeJson('tls.json', { ...settings, decisionCallers: callers })
  await stage.start('up', ...flags)
  return { issuer, clients, ask: asker(issuer, trusted.cert) }
}

const URLS = [
  'policy_decision_point',
  'access_evaluation_endpoint',
  'access_evaluations_endpoint',
  'search_subject_endpoint',
  'search_resource_endpoint',
  'search_action_endpoint',
]

export const overTls = async (report: (check: Check) => void): Promise<void> => {
  const stage = openStage()
  try {
    const { issuer, clients, ask } = await openServer(stage)
    for (const tenant of ['', '/example']) {
      await attempt(report, `discovery/https${tenant}`, async () => {
        const { status, type, text } = await ask(`/.well-known/authzen-configuration${tenant}`, undefined)
        assert.deepEqual([status, type], [200, 'application/json'])
        const metadata = JSON.parse(text) as Record<string, unknown>
        assert.equal(metadata.policy_decision_point, `${issuer}${tenant}`)
        for (const name of URLS) assert.match(String(metadata[name]), /^https:\/\/[^?#]+$/, name)
      })
    }
    await attempt(report, 'transport/https', async () => {
      const { status, text } = await ask('/example/access/v1/evaluation', fixture)
      assert.deepEqual([status, (JSON.parse(text) as { decision: unknown }).decision], [200, true])
    })
    for (const [path, good] of Object.entries(GOOD)) {
      await attempt(report, `authentication/${path}/a client certificate`, async () => {
        for (const tenant of ['', '/closed'])
          assert.equal((await ask(`${tenant}/access/v1/${path}`, good, clients.envoy)).status, 200)
      })
      for (const [name, client] of [
        ['no certificate', undefined],
        ['a certificate of another authority', clients.stranger],
        ['a certificate of another name', clients.renamed],
      ] as const)
        await attempt(report, `authentication/${path}/${name}`, async () => {
          for (const tenant of ['', '/closed']) {
            const { status, type, text } = await ask(`${tenant}/access/v1/${path}`, good, client)
            assert.equal(status, 401, text)
            assert.match(type, /^text\/plain/)
          }
        })
    }
  } finally {
    await stage.close()
  }
}
