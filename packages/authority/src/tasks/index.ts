export { markAgents } from './after-restore.ts'
export { markTask, sweepTasks } from './marks.ts'
export { taskTables } from './tables.ts'
