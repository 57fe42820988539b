import type { Mapping } from '../src/stages/operation.ts'

export const mapping: Mapping = {
  resource: 'https://api.example',
  method: 'tools/call',
  name: 'read',
  arguments: {},
  subject: { iss: 'https://as.example', sub: 'root' }, // TS2353
}
