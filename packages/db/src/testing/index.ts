export { type DatabaseUnderTest, databaseContract } from './contract.ts'
export { TEST_POSTGRES, type TestSchema, testSchema } from './postgres.ts'
export { type PostgresProxy, postgresProxy } from './proxy.ts'
