/** A node in a process of its own: waits for a line, then tries to claim the key that the line names, 50 times at once. */
import { createInterface } from 'node:readline'
import { createDbOnce } from '../once.ts'
import { openPostgres } from '../postgres/open.ts'

const [, , url = '', schema = ''] = process.argv
const db = await openPostgres({ url, schema, connections: 5 })
const once = createDbOnce(db, 'dom_test', { clock: Date })
console.log('ready')
for await (const key of createInterface({ input: process.stdin })) {
  const claims = Array.from({ length: 50 }, () => once.claim('code', key, Date.now() + 60_000))
  console.log((await Promise.all(claims)).filter((won) => won).length)
}
await db.close()
