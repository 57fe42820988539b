/** docs/quickstart.md as a newcomer types it: every shell block is run as it stands there. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createPerson, freePorts, MAIN, openStage, type Person, ROOT, type Stage } from './testing/index.ts'

const blocks = [...readFileSync(join(ROOT, 'docs/quickstart.md'), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(
  ([, text]) => text ?? '',
)
const NODE = join(ROOT, 'node_modules/.bin/node')

/** What npm links: the command of this clone, and the Inspector. */
const SHIM = `#!/bin/sh
name=$1; shift
case $name in
  credence) exec "${NODE}" "${MAIN}" "$@" ;;
  mcp-inspector) exec "${NODE}" "${join(ROOT, 'node_modules/.bin/mcp-inspector')}" "$@" ;;
esac
exit 127
`

const platform = process.platform === 'win32' ? 'platform: shell blocks need a POSIX shell' : false

describe('docs/quickstart.md', { timeout: 150_000, skip: platform }, () => {
  let stage: Stage
  let env: NodeJS.ProcessEnv
  let person: Person
  let ports: { issuer: string; gatewayUrl: string }
  let up: ChildProcess | undefined

  before(async () => {
    stage = openStage()
    const [one, two] = await freePorts(2)
    const bin = join(stage.dir, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'npx'), SHIM)
    chmodSync(join(bin, 'npx'), 0o755)
    env = {
      ...process.env,
      HOME: stage.dir,
      PATH: `${bin}:${dirname(NODE)}:${process.env.PATH}`,
    }
    env.BROWSER = 'none'
    ports = { issuer: `http://localhost:${one}`, gatewayUrl: `http://localhost:${two}` }
    person = createPerson(`http://localhost:${one}`)
  })
  after(async () => {
    if (up !== undefined && up.exitCode === null) {
      const ended = new Promise((resolve) => up?.once('exit', resolve))
      up.kill('SIGTERM')
      await ended
    }
    await stage.close()
  })

  const shell = (block: string, onText: (text: string) => void = () => {}) => {
    const child = spawn('sh', ['-e', '-c', block.startsWith('npx credence up') ? `exec ${block}` : block], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    const take = (chunk: Buffer): void => {
      text += chunk.toString()
      onText(text)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    return {
      child,
      ended: new Promise<{ code: number | null; text: string }>((resolve) =>
        child.on('close', (code) => resolve({ code, text })),
      ),
    }
  }

  /** Other ports than the usual ones, so that nothing on this machine is in the way. */
  const otherPorts = (): void => {
    const file = join(stage.dir, '.credence/credence.json')
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...ports }))
  }

  const start = async (block: string): Promise<void> => {
    otherPorts()
    const { promise, resolve } = Promise.withResolvers<void>()
    const { child, ended } = shell(block, (text) => text.includes('Ctrl-C') && resolve())
    up = child
    await Promise.race([promise, ended.then(({ text }) => assert.fail(text))])
    await person.enrol(readFileSync(join(stage.dir, '.credence/setup-link'), 'utf8').trim(), 'Newcomer')
  }

  let asked = false
  const allow = (text: string): void => {
    const link = /^ {2}(http\S+authorize\S+)$/m.exec(text)?.[1]
    if (link === undefined || asked) return
    asked = true
    void person.allow(link, ['list_directory', 'read_text_file'])
  }

  for (const block of blocks) {
    test(block.trim().split('\n')[0] ?? '', async () => {
      if (block.startsWith('npx credence up')) return await start(block)
      const { code, text } = await shell(block, allow).ended
      assert.equal(code, 0, text)
      if (block.includes('--tool-name list_directory')) assert.match(text, /quickstart\.md/)
      if (block.includes('audit verify')) assert.match(text, /^Sound: /m)
    })
  }
})
