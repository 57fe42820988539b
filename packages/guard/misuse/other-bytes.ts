import { release } from '../src/stages/outcome.ts'
import { deps, intent, transport } from './ports.ts'

await release(intent, () => ({ value: transport(new TextEncoder().encode('{"amount":1000000}')) }), deps) // TS2345
