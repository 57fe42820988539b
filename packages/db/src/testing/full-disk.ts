/** A process on a small disk of its own: fills it and prints what still works. Argument: an empty directory on that disk. */
import { appendFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSqlite } from '../sqlite/open.ts'

const [, , directory = ''] = process.argv
const file = join(directory, 'full.db')
const ballast = join(directory, 'ballast')

const fillDisk = (): void => {
  for (const size of [65_536, 4_096, 1]) {
    const piece = Buffer.alloc(size, 7)
    for (let full = false; !full; ) {
      try {
        appendFileSync(ballast, piece)
      } catch {
        full = true
      }
    }
  }
}

const db = await openSqlite({ file, reserveBytes: 1_048_576 })
await db.atomically([{ sql: 'CREATE TABLE row (id TEXT PRIMARY KEY, body TEXT)', parameters: [] }])
const write = (id: string, reducesAuthority: boolean): Promise<string> =>
  db
    .atomically([{ sql: 'INSERT INTO row VALUES (?, ?)', parameters: [id, 'x'.repeat(2_000)] }], { reducesAuthority })
    .then(
      () => 'done',
      (error: { kind?: string }) => String(error.kind),
    )
fillDisk()
const answers: Record<string, unknown> = {}
let written = 0
while (written < 5_000 && (await write(`ordinary ${written}`, false)) === 'done') written += 1
answers.ordinaryWhenFull = await write('late', false)
answers.reserveBefore = existsSync(`${file}-reserve`)
const [together, reducing] = await Promise.all([write('together', false), write('reducing', true)])
Object.assign(answers, { together, reducing })
answers.reserveAfter = existsSync(`${file}-reserve`)
answers.ordinaryWhenSpent = await write('spent', false)
answers.reducingAgain = (await Promise.all(Array.from({ length: 50 }, (_, at) => write(`reducing ${at}`, true)))).join(
  ',',
)
rmSync(ballast)
await sleep(1_100)
answers.ordinaryWithRoom = await write('room', false)
answers.reserveAtEnd = existsSync(`${file}-reserve`)
answers.rows = (await db.read({ sql: 'SELECT count(*) AS n FROM row', parameters: [] }))[0]?.n
answers.expectedRows = written + 52
await db.close()
console.log(JSON.stringify(answers))
