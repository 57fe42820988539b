export { createFront, type Front } from './front.ts'
export { frontMigrations } from './migrations.ts'
export type { FrontDeps, GrantSummary, OwnGrants, PresentedClient } from './ports.ts'
export { frontRoutes } from './routes.ts'
