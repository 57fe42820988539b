import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { exportLog, openLedger, openRowLedger } from './index.ts'
import { ledgerContract } from './testing/contract.ts'
import { key, keys, ORIGIN } from './testing/log-dir.ts'
import { MemoryRows } from './testing/memory-rows.ts'

const folder = (): { dir: string; close(): Promise<void> } => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-ledger-'))
  return { dir, close: async () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }) }
}

ledgerContract('segments', async () => {
  const { dir, close } = folder()
  return {
    open: (more = {}) => openLedger({ dir, origin: ORIGIN, signer: keys.privateKey, ...more }),
    files: async () => dir,
    close,
  }
})

ledgerContract('rows in memory', async () => {
  const { dir, close } = folder()
  const rows = new MemoryRows()
  const open = (more = {}) =>
    openRowLedger({ rows, origin: ORIGIN, signer: keys.privateKey, random: nodeRandom, clock: nodeClock, ...more })
  return {
    open,
    files: async () => {
      if (rows.origin === undefined) throw new Error('there is no log')
      await exportLog({ origin: rows.origin, rows, key }, join(dir, 'copy'))
      return join(dir, 'copy')
    },
    close,
  }
})
