import { onceContract } from '@credence/kit/testing'
import { migrate } from '../migrate.ts'
import { createDbOnce, onceMigration } from '../once.ts'
import { databaseContract, testSchema } from '../testing/index.ts'

databaseContract('postgres', async () => {
  const server = testSchema()
  return { db: await server.open(), second: await server.open(), close: server.close }
})

onceContract('postgres', async () => {
  const server = testSchema()
  const first = await server.open({ connections: 4 })
  const second = await server.open({ connections: 4 })
  await migrate(first, [onceMigration(1)])
  return {
    once: createDbOnce(first, 'dom_test', { clock: Date }),
    second: createDbOnce(second, 'dom_test', { clock: Date }),
    close: server.close,
  }
})
