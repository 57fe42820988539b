import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onceContract } from '@credence/kit/testing'
import { migrate } from '../migrate.ts'
import { createDbOnce, onceMigration } from '../once.ts'
import { databaseContract } from '../testing/index.ts'
import { openSqlite } from './open.ts'

const open = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'credence-db-'))
  const db = await openSqlite({ file: join(directory, 'test.db'), reserveBytes: 0 })
  const close = async (): Promise<void> => {
    await db.close()
    await rm(directory, { recursive: true })
  }
  return { db, close }
}

databaseContract('sqlite', open)

onceContract('sqlite', async () => {
  const { db, close } = await open()
  await migrate(db, [onceMigration(1)])
  return { once: createDbOnce(db, 'dom_test', { clock: Date }), close }
})
