import { mapOperation } from '../src/stages/operation.ts'
import { present } from '../src/stages/presented.ts'
import { deps, map } from './ports.ts'

await mapOperation(present('token'), map, deps) // TS2739
