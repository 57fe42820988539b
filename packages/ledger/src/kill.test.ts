import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { rounds } from '@credence/kit/testing'
import { leafHash } from '@credence/protocol/rfc9162'
import { openLedger, verifyLedger } from './index.ts'
import { keys, logDir, ORIGIN } from './testing/log-dir.ts'

const CHILD = fileURLToPath(new URL('./testing/append-forever.ts', import.meta.url))
const PEM = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

/** Lets a child append for a while, kills it, and answers what it had acknowledged. */
const appendAndKill = async (dir: string, afterLines: number): Promise<Map<number, string>> => {
  const child = spawn(process.execPath, [CHILD, dir, ORIGIN, PEM], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (text.split('\n').length > afterLines) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.on('close', resolve))
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '))
  return new Map(lines.map(([index, leaf = '']) => [Number(index), leaf]))
}

test('killed under load, twenty times or as often as is asked: everything acknowledged is there, and the log is sound', async (t) => {
  const dir = logDir(t)
  const acknowledged = new Map<number, string>()
  let key = ''
  for (let round = 0; round < rounds(20); round += 1) {
    for (const [index, leaf] of await appendAndKill(dir, 20 + ((round * 37) % 150))) {
      assert.ok(!acknowledged.has(index), `index ${index} was given twice`)
      acknowledged.set(index, leaf)
    }
    const log = await openLedger({ dir, origin: ORIGIN, signer: keys.privateKey })
    key = log.verifierKey
    for (const [index, leaf] of acknowledged) {
      assert.equal(Buffer.from(leafHash(await log.entry(index))).toString('hex'), leaf)
    }
    await log.close()
  }
  assert.ok(acknowledged.size > 400)
  const verdict = await verifyLedger(dir, key)
  assert.equal(verdict.sound, true, JSON.stringify(verdict))
})
