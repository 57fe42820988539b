/** Tools for people who write policies; nothing here runs on the path of an operation. */
export { type Asked, askScene } from './ask.ts'
export { type Change, differenceInWords, type Reach } from './difference.ts'
export {
  type Expectation,
  type ExpectationFolder,
  factsOf,
  loadExpectations,
  type Result,
  readExpectations,
  readFactsFile,
  runExpectation,
} from './expectations.ts'
export {
  type Explanation,
  explainScene,
  type Missing,
  type PolicyExplained,
  preparePolicies,
} from './explain/index.ts'
export { type Facts, type Scene, sceneOf } from './facts.ts'
export {
  answerOf,
  type DecidedRecord,
  decidedByGrant,
  isAct,
  isDecided,
  type Recorded,
  sceneOfRecord,
  type Untold,
  unknownsIn,
  versionOf,
} from './recorded.ts'
export { type Filled, fillTemplate, listTemplates, type Parameter, readsArgument, type Template } from './templates.ts'
export { type ArgumentTypes, argumentTypes, type ToolDefinition, type Untyped } from './tool-schema.ts'
export { type LookedAt, lookAt, type Replayed, replay, type WhatIf } from './what-if.ts'
