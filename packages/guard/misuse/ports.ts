import type { Random } from '@credence/kit'
import type { Authenticator } from '../src/ports.ts'
import type { Caller } from '../src/stages/caller.ts'
import type { Intent, RecordDeps } from '../src/stages/intent.ts'
import type { FrozenOperation, MapStep } from '../src/stages/operation.ts'
import type { ReleaseDeps, Send, Wire } from '../src/stages/outcome.ts'
import type { DecideDeps, Permit } from '../src/stages/permit.ts'

export declare const deps: DecideDeps &
  RecordDeps &
  ReleaseDeps & { readonly authenticator: Authenticator<string>; readonly random: Random }
export declare const map: MapStep
export declare const send: Send<number>
export declare const transport: (wire: Wire) => number
export declare const caller: Caller
export declare const operation: FrozenOperation
export declare const permit: Permit
export declare const intent: Intent
