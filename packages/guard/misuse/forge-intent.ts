import type { Intent } from '../src/stages/intent.ts'
import { permit } from './ports.ts'

export const forged: Intent = { permit, id: 'rec_1', index: 0, debt: undefined } // TS2741
