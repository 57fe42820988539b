/** A stdio server is code: what a hostile one can reach under each kind of isolation that this system offers. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nodeClock } from '@credence/kit/node'
import { availableIsolation, childEnvironment, type Isolation, launchOf, type StdioConfig } from './sandbox.ts'
import { createStdioUpstream } from './stdio.ts'
import { isObject } from './upstream.ts'

const script = fileURLToPath(new URL('../testing/hostile-server.mjs', import.meta.url))
const root = fileURLToPath(new URL('../../../../', import.meta.url))
const offered = availableIsolation()

describe('a hostile stdio server', () => {
  let directory: string
  let dataFile: string
  const admin = createServer((socket) => socket.on('error', () => {}).end('admin'))
  before(async () => {
    directory = await mkdtemp('/var/tmp/credence-data-')
    dataFile = join(directory, 'data', 'operator.pem')
    await mkdir(join(directory, 'data'), { mode: 0o700 })
    await writeFile(dataFile, 'the operator key', { mode: 0o600 })
    await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve))
    process.env.CREDENCE_TEST_SECRET = 'do not inherit'
  })
  after(async () => {
    admin.close()
    delete process.env.CREDENCE_TEST_SECRET
    await rm(directory, { recursive: true })
  })

  const attackUnder = async (isolation: Isolation): Promise<Record<string, unknown>> => {
    const { port } = admin.address() as AddressInfo
    const config = {
      command: process.execPath,
      args: [script, dataFile, String(port), String(process.pid)],
      read: [root],
      env: { GIVEN: '1' },
    }
    const launch = launchOf(config, { isolation, hidden: [join(directory, 'data')], environment: process.env })
    const upstream = createStdioUpstream({ launch, clock: nodeClock })
    try {
      const answer = await upstream.call({
        method: 'tools/call',
        params: { name: 'attack' },
        signal: AbortSignal.timeout(20_000),
        onNotification: () => {},
      })
      assert.ok('result' in answer && Array.isArray(answer.result.content) && isObject(answer.result.content[0]))
      return JSON.parse(String(answer.result.content[0].text)) as Record<string, unknown>
    } finally {
      await upstream.close()
    }
  }

  it('this system offers a sandbox, or says that it has none', () => {
    assert.equal(offered.at(-1), 'none')
    if (process.platform === 'linux')
      assert.ok(
        offered.length > 1,
        'Linux without bubblewrap, root or user namespaces: stdio servers would run unconfined here',
      )
  })

  for (const isolation of offered.filter((kind) => kind !== 'none')) {
    it(`${isolation}: neither data directory, nor admin listener, nor our environment, nor our process`, async () => {
      const reached = await attackUnder(isolation)
      for (const name of ['secret', 'uncover', 'secretAgain', 'admin', 'parentEnvironment'] as const) {
        assert.match(String(reached[name]), /^refused/, `${name}: ${String(reached[name])}`)
      }
      assert.equal(await readFile(dataFile, 'utf8'), 'the operator key')
      assert.ok(!(reached.environment as string[]).includes('CREDENCE_TEST_SECRET'))
      assert.ok((reached.environment as string[]).includes('GIVEN'))
    })
  }

  it('without isolation the environment is still a short list', async () => {
    const reached = await attackUnder('none')
    assert.ok(!(reached.environment as string[]).includes('CREDENCE_TEST_SECRET'))
    assert.match(String(reached.secret), /operator key/, 'this is why isolation is not optional where it can be had')
  })
})

describe('what a sandbox covers', () => {
  const shell = (
    config: Partial<StdioConfig> & { script: string },
    isolation: Isolation,
    hidden: readonly string[],
  ) => {
    const { script: text, ...more } = config
    const { command, args, env, cwd } = launchOf(
      { command: '/bin/sh', args: ['-c', text], ...more },
      { isolation, hidden, environment: process.env },
    )
    return spawnSync(command, [...args], { env: { ...env }, cwd, encoding: 'utf8', timeout: 10_000 })
  }

  it('bubblewrap: homes, temporary files and daemon sockets stay covered without any `cwd`', async (t) => {
    if (!offered.includes('bubblewrap')) return t.skip('bubblewrap cannot be run here')
    const home = await mkdtemp('/tmp/credence-home-')
    try {
      await writeFile(join(home, 'key'), 'somebody else’s key')
      const { stdout } = shell({ script: `cat ${join(home, 'key')}; echo end` }, 'bubblewrap', [])
      assert.equal(stdout, 'end\n')
    } finally {
      await rm(home, { recursive: true })
    }
  })

  it('bubblewrap: a program that is installed at home runs, and nothing beside it is in reach', async (t) => {
    if (!offered.includes('bubblewrap')) return t.skip('bubblewrap cannot be run here')
    const home = await mkdtemp('/tmp/credence-home-')
    const program = join(home, 'program')
    const environment = { PATH: `${home}:/usr/bin:/bin` }
    try {
      await writeFile(join(home, 'key'), 'somebody else’s key')
      await writeFile(join(home, 'real'), '#!/bin/sh\nls "$1"; cat "$1"/key; echo end\n', { mode: 0o755 })
      await symlink(join(home, 'real'), program)
      for (const command of ['program', program]) {
        const launch = launchOf({ command, args: [home] }, { isolation: 'bubblewrap', hidden: [], environment })
        const { stdout } = spawnSync(launch.command, [...launch.args], { env: { ...launch.env }, encoding: 'utf8' })
        assert.equal(stdout, 'program\nend\n', command)
      }
      const covered = launchOf({ command: program }, { isolation: 'bubblewrap', hidden: [home], environment })
      assert.notEqual(spawnSync(covered.command, [...covered.args], { env: { ...covered.env } }).status, 0)
    } finally {
      await rm(home, { recursive: true })
    }
  })

  it('bubblewrap: of what is named like the program only a file that can be run comes back', async (t) => {
    if (!offered.includes('bubblewrap')) return t.skip('bubblewrap cannot be run here')
    const home = await mkdtemp('/tmp/credence-home-')
    const [folders, texts, programs] = [join(home, 'a'), join(home, 'b'), join(home, 'c')]
    try {
      for (const dir of [folders, join(folders, 'program'), texts, programs]) await mkdir(dir)
      await writeFile(join(folders, 'program', 'key'), 'somebody else’s key')
      await writeFile(join(texts, 'program'), 'somebody else’s key', { mode: 0o600 })
      await writeFile(join(programs, 'program'), '#!/bin/sh\nfind "$1"\n', { mode: 0o755 })
      const run = (PATH: string) => {
        const host = { isolation: 'bubblewrap', hidden: [], environment: { PATH } } as const
        const launch = launchOf({ command: 'program', args: [home] }, host)
        return spawnSync(launch.command, [...launch.args], { env: { ...launch.env }, encoding: 'utf8' })
      }
      const { stdout } = run(`${folders}:${texts}:${programs}:/usr/bin:/bin`)
      assert.deepEqual(stdout.trim().split('\n'), [home, programs, join(programs, 'program')])
      const nothing = launchOf(
        { command: 'program' },
        { isolation: 'bubblewrap', hidden: [], environment: { PATH: `${folders}:${texts}` } },
      )
      assert.ok(!nothing.args.some((arg) => arg.startsWith(home)))
    } finally {
      await rm(home, { recursive: true })
    }
  })

  it('bubblewrap: a link from elsewhere finds its program at home', async (t) => {
    if (!offered.includes('bubblewrap')) return t.skip('bubblewrap cannot be run here')
    const [home, elsewhere] = [await mkdtemp('/tmp/credence-home-'), await mkdtemp('/dev/shm/credence-')]
    try {
      const [real, link] = [join(home, 'real'), join(elsewhere, 'program')]
      await writeFile(real, '#!/bin/sh\n', { mode: 0o755 })
      await symlink(real, link)
      const { args } = launchOf({ command: link }, { isolation: 'bubblewrap', hidden: [], environment: {} })
      const at = args.indexOf(real)
      assert.deepEqual(args.slice(at - 1, at + 2), ['--ro-bind', real, real])
      assert.ok(!args.slice(0, args.indexOf('--')).includes(link))
    } finally {
      for (const dir of [home, elsewhere]) await rm(dir, { recursive: true })
    }
  })

  it('bubblewrap: a directory of PATH that is not absolute is one of the server, not of this process', async () => {
    const home = await mkdtemp('/tmp/credence-home-')
    const before = process.cwd()
    try {
      await writeFile(join(home, 'program'), '#!/bin/sh\n', { mode: 0o755 })
      process.chdir(home)
      for (const PATH of ['', '.', '/usr/bin:']) {
        const host = { isolation: 'bubblewrap', hidden: [], environment: { PATH } } as const
        const { args } = launchOf({ command: 'program' }, host)
        assert.ok(!args.some((arg) => arg.startsWith(home)), PATH)
      }
    } finally {
      process.chdir(before)
      await rm(home, { recursive: true })
    }
  })

  for (const isolation of ['bubblewrap', 'namespace'] as const) {
    it(`${isolation}: a data directory that is reached through a symbolic link is covered where it really is`, async (t) => {
      if (!offered.includes(isolation)) return t.skip(`${isolation} cannot be had here`)
      const base = await mkdtemp('/opt/credence-data-')
      try {
        await mkdir(join(base, 'real'))
        await writeFile(join(base, 'real', 'key'), 'the key')
        await symlink(join(base, 'real'), join(base, 'link'))
        const script = `cat ${join(base, 'real', 'key')} ${join(base, 'link', 'key')}; echo end`
        const { stdout } = shell({ script }, isolation, [join(base, 'link')])
        assert.equal(stdout, 'end\n')
      } finally {
        await rm(base, { recursive: true })
      }
    })
  }

  for (const isolation of offered.filter((kind) => kind !== 'none')) {
    it(`${isolation}: the environment of another server on this host cannot be read`, async () => {
      const other = launchOf(
        { command: '/bin/sh', args: ['-c', 'echo up; exec sleep 30'], env: { API_KEY: 'of-another-server' } },
        { isolation, hidden: [], environment: process.env },
      )
      const child = spawn(other.command, [...other.args], { env: { ...other.env }, cwd: other.cwd })
      try {
        await new Promise((resolve) => child.stdout.once('data', resolve))
        const script = `cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep API_KEY; echo end`
        const { stdout } = shell({ script }, isolation, [])
        assert.equal(stdout, 'end\n')
      } finally {
        child.kill('SIGKILL')
      }
    })
  }
})

describe('childEnvironment', () => {
  it('passes a fixed list and what the host configured', () => {
    const env = childEnvironment(
      { command: 'x', env: { A: '1' } },
      { PATH: '/bin', LANG: 'C', AWS_SECRET_ACCESS_KEY: 's', NODE_OPTIONS: '--require evil', HOME: '/root' },
    )
    assert.deepEqual(env, { PATH: '/bin', HOME: '/tmp', LANG: 'C', A: '1' })
  })
})
