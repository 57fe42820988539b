import { INTENT } from '../src/stages/intent.ts' // TS2724

export const brand = INTENT
