import { record } from '../src/stages/intent.ts'
import { deps, operation, permit } from './ports.ts'

await record(permit, operation, deps) // TS2554
