import { release } from '../src/stages/outcome.ts'
import { deps, permit, send } from './ports.ts'

await release(permit, send, deps) // TS2739
