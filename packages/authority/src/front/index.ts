export { createFront, type Front } from './front.ts'
export { frontMigrations } from './migrations.ts'
export type { FrontAct, FrontDeps, FrontRecorder, GrantSummary, OwnGrants, PresentedClient } from './ports.ts'
export { frontRoutes } from './routes.ts'
