/**
 * Asking a snapshot directly, with entities and context of one's own: `snapshot.evaluate(new CedarQuestion(...), view)`.
 * Whoever does this answers for what the entities say; `createDecider` makes them from verified facts.
 */

export { requestJson } from './cedar/question.ts'
export {
  type Asked,
  CedarEntity,
  CedarQuestion,
  type Entities,
  type EntityFacts,
  type Known,
  linkEntities,
} from './compile/entities.ts'
export { FAILURE_KINDS, type FailureKind } from './compile/errors.ts'
export { CedarDatetime, CedarDuration, parseDatetime, parseDuration } from './compile/extensions/datetime.ts'
export { CedarDecimal, parseDecimal } from './compile/extensions/decimal.ts'
export { CedarIp, parseIp } from './compile/extensions/ipaddr.ts'
export type { PolicyFailure, Verdict } from './compile/program.ts'
export { type Shape, shapeOf } from './compile/shape.ts'
export { CedarRecord, CedarSet, type CedarValue, type Long, NO_FIELDS, Uid } from './compile/values.ts'
