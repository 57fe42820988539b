import { release } from '../src/stages/outcome.ts'
import { deps, intent, transport } from './ports.ts'

await release(intent, ({ operation }) => ({ value: transport(operation.wire ?? new Uint8Array()) }), deps) // TS2345
