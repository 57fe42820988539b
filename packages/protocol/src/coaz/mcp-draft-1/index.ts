export { evaluationOf, hasDefaultMapping } from './defaults.ts'
export { type CoazToken, VARIABLES } from './inputs.ts'
export { declaredMapping, type OwnMapping, readOwnMapping } from './own-mapping.ts'
export { isPassThrough } from './pass-through.ts'
