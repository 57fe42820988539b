/** Appends until it is killed and prints every acknowledged index. */
import { createPrivateKey } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openLedger } from '../index.ts'

const [dir = '', origin = '', pem = ''] = process.argv.slice(2)
const log = await openLedger({ dir, origin, signer: createPrivateKey(pem), publishMs: 20 })

let made = 0
const worker = async (): Promise<never> => {
  for (;;) {
    made += 1
    const { index, leafHash } = await log.append(Buffer.from(`${process.pid} ${made} `.repeat(40)))
    writeSync(1, `${index} ${Buffer.from(leafHash).toString('hex')}\n`)
  }
}
await Promise.all(Array.from({ length: 16 }, worker))
