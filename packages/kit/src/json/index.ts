export { canonicalize, canonicalizeDefined } from './canonical.ts'
export { type JsonObject, type JsonValue, parseStrict, type StrictLimits } from './strict.ts'
