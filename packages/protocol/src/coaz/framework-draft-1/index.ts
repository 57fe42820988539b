export { ABSENT, type Expression, type ExpressionReader, type Inputs, type Resolved } from './expression.ts'
export { MAX_LOOPED, MAX_LOOPED_TEXT, MAX_QUESTIONS, type Mapping, type Question, readMapping } from './mapping.ts'
