import { createGuard } from '../src/guard.ts'
import { deps } from './ports.ts'

createGuard({ ...deps, resource: 'https://api.example', issuers: [], reduces: true }) // TS2353
