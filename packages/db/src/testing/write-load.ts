/** A process that writes pairs of rows, 32 batches in flight, and prints each batch once it is acknowledged. Ends by being killed. */
import { writeSync } from 'node:fs'
import { openSqlite } from '../sqlite/open.ts'

const [, , file = '', round = '0'] = process.argv

/** Whole lines, at once: what is printed was acknowledged, and nothing that was acknowledged waits in a buffer of ours. */
const say = (line: string): void => {
  const bytes = Buffer.from(`${line}\n`)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }
}

const main = async (): Promise<void> => {
  const db = await openSqlite({ file, reserveBytes: 0 })
  await db.atomically([
    {
      sql: 'CREATE TABLE IF NOT EXISTS row (id TEXT PRIMARY KEY, body TEXT NOT NULL, pair INTEGER NOT NULL)',
      parameters: [],
    },
  ])
  const insert = (id: string, pair: number) => ({
    sql: 'INSERT INTO row (id, body, pair) VALUES (?, ?, ?)',
    parameters: [id, 'x'.repeat(200), pair],
  })
  const writer = async (number: number): Promise<void> => {
    for (let at = 0; at < 100_000; at += 1) {
      const id = `${round}.${number}.${at}`
      await db.atomically([insert(id, 0), insert(`${id}+`, 1)])
      say(id)
    }
  }
  await Promise.all(Array.from({ length: 32 }, (_, number) => writer(number)))
}

await main()
