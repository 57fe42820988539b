/**
 * Imported before cedar-wasm is called. V8 12 (Node 22) can end the whole process when a function into which a call to
 * WebAssembly was inlined is deoptimized during that call ("unreachable code" in its deoptimizer; seen within a minute of
 * random policies, not with later versions). Without that one optimization a call costs a little more and is safe.
 */
import { setFlagsFromString } from 'node:v8'

if (process.versions.v8.startsWith('12.')) setFlagsFromString('--no-turbo-inline-js-wasm-calls')
