import { record } from '../src/stages/intent.ts'
import { release } from '../src/stages/outcome.ts'
import { deps, permit, send } from './ports.ts'

await release(record(permit, deps), send, deps) // TS2739
