export { headStatement, publishStatements } from './publish.ts'
export { createDbFeedStore, type DbFeedStore, type DbFeedStoreOptions } from './store.ts'
export { FEED_CHANNEL, feedTables } from './tables.ts'
