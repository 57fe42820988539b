export { markAgents } from './after-restore.ts'
export { markTask, sweepTasks } from './marks.ts'
export { createMarkRate, mustBeTask } from './marks-of-nodes.ts'
export { taskTables } from './tables.ts'
