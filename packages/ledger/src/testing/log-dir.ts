import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { checkpointKey } from '../checkpoint.ts'

export const ORIGIN = 'ledger.example'
export const keys = generateKeyPairSync('ed25519')
/** The C2SP verifier key of the logs of tests. */
export const key: string = checkpointKey(ORIGIN, keys.publicKey).verifierKey

export const logDir = (t: TestContext): string => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-ledger-'))
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}

export const entryOf = (i: number, bytes = 24): Buffer => Buffer.alloc(bytes, `entry ${i} `)
