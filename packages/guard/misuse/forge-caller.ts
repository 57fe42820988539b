import type { Caller } from '../src/stages/caller.ts'
import { caller } from './ports.ts'

export const forged: Caller = { presented: caller.presented, facts: caller.facts, revocation: caller.revocation } // TS2741
