/** One node of a ledger in PostgreSQL, in a process of its own: appends until it is killed, and prints what was acknowledged. */
import { createPrivateKey } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openPostgres } from '@credence/db'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { openRowLedger } from '@credence/ledger'
import type { DomainId } from '@credence/model'
import { createLedgerRows } from '../ledger/rows.ts'

const [url = '', schema = '', domain = '', origin = '', pem = ''] = process.argv.slice(2)
const db = await openPostgres({ url, schema, connections: 4 })
const log = await openRowLedger({
  rows: createLedgerRows(db, domain as DomainId),
  origin,
  signer: createPrivateKey(pem),
  random: nodeRandom,
  clock: nodeClock,
})

let made = 0
const worker = async (): Promise<never> => {
  for (;;) {
    made += 1
    const entry = `${process.pid} ${made}`
    const { index, checkpoint } = await log.append(Buffer.from(`${entry} `.repeat(30)))
    writeSync(1, `${JSON.stringify({ index, entry, checkpoint })}\n`)
  }
}
await Promise.all(Array.from({ length: 8 }, worker))
