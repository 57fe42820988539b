import { authenticate } from '../src/stages/caller.ts'
import { record } from '../src/stages/intent.ts'
import { mapOperation } from '../src/stages/operation.ts'
import { release } from '../src/stages/outcome.ts'
import { decide } from '../src/stages/permit.ts'
import { present } from '../src/stages/presented.ts'
import { deps, map, transport } from './ports.ts'

const caller = await authenticate(present('token'), deps)
const permit = await decide(await mapOperation(caller, map, deps), deps)
const intent = await record(permit, deps)
await release(intent, ({ wire }) => ({ value: wire === undefined ? 0 : transport(wire) }), deps)
