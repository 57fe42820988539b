import type { Permit } from '../src/stages/permit.ts'
import { permit } from './ports.ts'

export const forged: Permit = { asked: permit.asked, decision: { ...permit.decision, effect: 'granted' } } // TS2741
