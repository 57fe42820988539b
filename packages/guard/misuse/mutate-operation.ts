import { operation } from './ports.ts'

operation.operation.name = 'delete' // TS2540
