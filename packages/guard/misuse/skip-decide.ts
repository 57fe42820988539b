import { record } from '../src/stages/intent.ts'
import { deps, operation } from './ports.ts'

await record(operation, deps) // TS2739
