export { createPeople, type People, type Person } from './people.ts'
export type { UpstreamProvider } from './upstream.ts'
