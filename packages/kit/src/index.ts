export { fromBase64url, toBase64url } from './base64url.ts'
export type { Clock, KeyMaker, KeyPair, Random } from './deps.ts'
export {
  bug,
  CredenceError,
  type ErrorKind,
  type ErrorOptions,
  isCredenceError,
  refused,
  toCredenceError,
  unavailable,
} from './errors.ts'
export { type Id, isId, newId } from './ids.ts'
export { createMemoryOnce, type MemoryOnceOptions } from './memory-once.ts'
export type { Once, OnceUse } from './once.ts'
