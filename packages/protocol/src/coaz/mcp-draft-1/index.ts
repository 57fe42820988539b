export { evaluationOf, hasDefaultMapping, isPassThrough } from './defaults.ts'
export { type CoazToken, VARIABLES } from './inputs.ts'
export { declaredMapping, type OwnMapping, readOwnMapping } from './own-mapping.ts'
