import { operation, permit } from './ports.ts'

permit.asked = operation // TS2540
