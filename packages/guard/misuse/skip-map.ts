import { decide } from '../src/stages/permit.ts'
import { caller, deps } from './ports.ts'

await decide(caller, deps) // TS2740
