export { openAgent, type Registered, register, showingStore } from './agent.ts'
export { killed, openTestDomain, type TestDomain } from './domain.ts'
export { createPerson, type Person } from './person.ts'
export { freePorts, isPrivate, MAIN, openStage, ROOT, type Running, realServers, type Stage } from './stage.ts'
