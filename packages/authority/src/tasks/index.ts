export { markTask, sweepTasks } from './marks.ts'
export { taskTables } from './tables.ts'
