/** What is published works from its tarball: installed by npm into an empty project, without type stripping or sources. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { buildPackages, packageNames, packPackages, publishedManifest } from './pack.ts'

const PEERS = ['express', 'fastify', 'hono'] as const
const ROOT = join(import.meta.dirname, '..')
/** A second runtime is tried where the environment names one. */
const RUNTIMES = [process.execPath, ...(process.env.CREDENCE_NODE22 === undefined ? [] : [process.env.CREDENCE_NODE22])]
/** Without the settings of this run, which the command would take for its own. */
const ENV = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CREDENCE_'))),
  NODE_OPTIONS: '',
}

let folder = ''
let tarballs = new Map<string, string>()

/** The versions of the lock, so that no other code is tried than in the work tree. */
const lockedVersion = (name: string): string => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>
  }
  return lock.packages[`node_modules/${name}`]?.version ?? '*'
}

const install = (): void => {
  const ours = [...tarballs].map(([name, file]) => [`@credence/${name}`, `file:${file}`])
  const peers = PEERS.map((name) => [name, lockedVersion(name)])
  const manifest = { name: 'empty', private: true, dependencies: Object.fromEntries([...ours, ...peers]) }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock', '--prefer-offline']
  execFileSync('npm', ['install', ...quiet], { cwd: folder, env: ENV, stdio: ['ignore', 'ignore', 'inherit'] })
}

before(
  () => {
    folder = mkdtempSync(join(tmpdir(), 'credence-packed-'))
    buildPackages()
    tarballs = packPackages(packageNames(), join(folder, 'tarballs'))
    install()
  },
  { timeout: 180_000 },
)
after(() => rmSync(folder, { recursive: true, force: true }))

const installed = (name: string): string => join(folder, 'node_modules/@credence', name)

test('the published manifest points to built files', () => {
  const manifest = publishedManifest({ name: 'x', exports: { '.': './src/index.ts' }, bin: { x: 'src/main.ts' } })
  assert.deepEqual(manifest.exports, { '.': { types: './dist/index.d.ts', default: './dist/index.js' } })
  assert.deepEqual(manifest.bin, { x: './dist/main.js' })
})

describe('every tarball', () => {
  for (const name of packageNames()) {
    test(name, async () => {
      const home = installed(name)
      for (const file of ['README.md', 'LICENSE']) assert.ok(existsSync(join(home, file)), file)
      const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter(
        (path) => !/node_modules/.test(path),
      )
      assert.deepEqual(
        files.filter((path) => /\.test\.(?!json$)|\.tsbuildinfo$|\.map$|(?<!\.d)\.ts$/.test(path)),
        [],
      )
      const { messages } = await publint({ pkgDir: home, level: 'warning', strict: true, pack: false })
      const pkg = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Record<string, unknown>
      assert.deepEqual(
        messages.map((message) => formatMessage(message, pkg)),
        [],
      )
    })
  }
})

const run = (runtime: string, name: string, source: string): string => {
  const file = join(folder, `${name}.mjs`)
  writeFileSync(file, source)
  const here = join(folder, 'data', `${name}-${RUNTIMES.indexOf(runtime)}`)
  mkdirSync(here, { recursive: true })
  return execFileSync(runtime, [file, here], { cwd: folder, env: ENV, encoding: 'utf8', timeout: 30_000 }).trim()
}

const everySubpath = (): string => {
  const lines = packageNames().flatMap((name) => {
    const { exports } = JSON.parse(readFileSync(join(installed(name), 'package.json'), 'utf8'))
    return Object.keys(exports).map((subpath) => `await import('@credence/${name}${subpath.slice(1)}')`)
  })
  return `${lines.join('\n')}\nconsole.log('all')`
}

/** One small program for each package; what it must write. */
const PROGRAMS: Readonly<Record<string, readonly [source: string, wrote: string]>> = {
  kit: [
    `import { parseStrict, canonicalize } from '@credence/kit/json'
    console.log(canonicalize(parseStrict('{"b":1,"a":2}')))`,
    '{"a":2,"b":1}',
  ],
  protocol: [
    `import { generateKeyPairSync } from 'node:crypto'
    import { signCompactJws, verifyJwt } from '@credence/protocol/jose'
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const token = signCompactJws(privateKey, { typ: 'example+jwt' }, { sub: 'agt_1' })
    console.log(verifyJwt({ token, typ: 'example+jwt', key: publicKey }).claims.sub)`,
    'agt_1',
  ],
  model: [
    `import { isSubset } from '@credence/model'
    const of = (tool) => ({ scope: [], authorizationDetails: [{ type: 'mcp_tools', locations: ['https://x/mcp'], tools: [tool] }] })
    console.log(isSubset(of('write'), of('read')).subset)`,
    'false',
  ],
  policy: [
    `import { checkPolicies, compilePolicySet, quickstartPolicies } from '@credence/policy'
    const source = await quickstartPolicies()
    const { problems } = await checkPolicies(source)
    const { version } = await compilePolicySet(source)
    console.log(problems.length, version.length > 8)
    process.exit()`,
    '0 true',
  ],
  db: [
    `import { migrate, openSqlite } from '@credence/db'
    const db = await openSqlite({ file: process.argv[2] + '/example.db' })
    const tables = ['CREATE TABLE ticket (id TEXT PRIMARY KEY)']
    await migrate(db, [{ number: 1, name: 'ticket', sqlite: tables, postgres: tables }])
    await db.atomically([{ sql: 'INSERT INTO ticket (id) VALUES (?)', parameters: ['a'] }])
    console.log((await db.read({ sql: 'SELECT id FROM ticket', parameters: [] }))[0].id)
    await db.close()`,
    'a',
  ],
  ledger: [
    `import { openLedger, verifyLedger } from '@credence/ledger'
    import { generateKeyPairSync } from 'node:crypto'
    const { privateKey } = generateKeyPairSync('ed25519')
    const dir = process.argv[2] + '/ledger'
    const log = await openLedger({ dir, origin: 'log.example', signer: privateKey })
    const { checkpoint } = await log.append(Buffer.from('hello'))
    await log.close()
    console.log((await verifyLedger(dir, log.verifierKey, { against: checkpoint })).sound)`,
    'true',
  ],
  sync: [
    `import { createRevocationIndex } from '@credence/sync'
    import { nodeClock } from '@credence/kit/node'
    console.log(typeof createRevocationIndex({ clock: nodeClock }).register)`,
    'function',
  ],
  guard: [
    `import { createGuard } from '@credence/guard'
    import { guardHttp } from '@credence/guard/node-http'
    console.log(typeof createGuard, typeof guardHttp)`,
    'function function',
  ],
  keeper: [
    `import { PassThrough } from 'node:stream'
    import { text } from 'node:stream/consumers'
    import { runBridge } from '@credence/keeper'
    const [input, output] = [new PassThrough(), new PassThrough()]
    input.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\\n')
    const fetch = async () => Response.json({ jsonrpc: '2.0', id: 1, result: {} })
    await runBridge({ serverUrl: 'https://x/mcp', fetch, input, output, tell: console.error })
    output.end()
    console.log((await text(output)).trim())`,
    '{"jsonrpc":"2.0","id":1,"result":{}}',
  ],
  agent: [
    `import { createAgent, loadOrCreateSigner } from '@credence/agent'
    import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
    const signer = await loadOrCreateSigner(process.argv[2] + '/agent.pem', nodeKeys)
    const agent = createAgent({ clientId: 'agt_x', signer, clock: nodeClock, random: nodeRandom })
    console.log(agent.jkt.length)
    await agent.close()`,
    '43',
  ],
}

for (const runtime of RUNTIMES) {
  const version = execFileSync(runtime, ['--version'], { encoding: 'utf8' }).trim()
  describe(`under Node ${version}`, () => {
    test('every subpath can be imported', () => assert.match(run(runtime, 'imports', everySubpath()), /all$/))

    for (const [name, [source, wrote]] of Object.entries(PROGRAMS))
      test(name, () => assert.equal(run(runtime, name, source), wrote))

    // Authority, gateway, audit and all workers together, as the command starts them.
    test('credence up', { timeout: 60_000 }, async (context) => {
      const data = join(folder, 'data', `up-${RUNTIMES.indexOf(runtime)}`)
      const [port, gatewayPort] = [await freePort(), await freePort()]
      const flags = [
        ['--data-dir', data],
        ['--issuer', `http://127.0.0.1:${port}`],
        ['--listen-port', String(port)],
        ['--gateway-url', `http://127.0.0.1:${gatewayPort}`],
        ['--gateway-port', String(gatewayPort)],
      ].flat()
      const program = join(installed('cli'), 'dist/main.js')
      const child = spawn(runtime, [program, 'up', ...flags], {
        cwd: folder,
        env: ENV,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
      context.after(() => child.kill('SIGKILL'))
      for (const place of [port, gatewayPort])
        assert.equal(await statusOf(`http://127.0.0.1:${place}/readyz`, () => child.exitCode === null), 200, said)
      const shown = execFileSync(runtime, [program, 'agent', 'list', '--data-dir', data, '--json'], {
        cwd: folder,
        env: ENV,
        encoding: 'utf8',
      })
      assert.doesNotThrow(() => JSON.parse(shown))
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      assert.equal((await ended)[0], 0)
    })
  })
}

const freePort = async (): Promise<number> => {
  const { createServer } = await import('node:net')
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The last answer, once it is good, or after some patience. */
const statusOf = async (url: string, runs: () => boolean): Promise<number> => {
  let status = 0
  for (let wait = 0; wait < 300 && status !== 200 && runs(); wait += 1) {
    status = await fetch(url).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status !== 200) await new Promise((go) => setTimeout(go, 100))
  }
  return status
}
