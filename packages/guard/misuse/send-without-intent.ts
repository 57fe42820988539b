import { createPipeline } from '../src/pipeline.ts'
import { deps, map, send } from './ports.ts'

await createPipeline(deps)({ input: 'token', map, release: send }) // TS2353
