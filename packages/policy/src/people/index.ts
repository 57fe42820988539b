/** Tools for people who write policies; nothing here runs on the path of an operation. */
export { type Asked, askScene } from './ask.ts'
export {
  type Expectation,
  type ExpectationFolder,
  loadExpectations,
  type Result,
  readExpectations,
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
