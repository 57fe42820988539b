export { isAuthorityAction } from './authority-actions.ts'
export {
  type AuthZenOptions,
  type AuthZenResponse,
  decideAuthZen,
  evaluateAuthZen,
  toolOfRequest,
  type VerifiedFacts,
} from './authzen.ts'
export { type KnownEntities, knownEntities } from './authzen-entities.ts'
export { applicableActions, type SearchPage, searchPage } from './authzen-search.ts'
export { quickstartPolicies } from './builtin.ts'
export { checkPolicies } from './check.ts'
export { compilePolicySet } from './compile-set.ts'
export { createDecider, type DeciderOptions, type PolicyDecider } from './decider.ts'
export { diffPolicySets, type PolicyDiff } from './diff.ts'
export { loadPolicyFolder } from './folder.ts'
export { asObserved, isPlainYes, mayObserve } from './observe.ts'
export { type CheckResult, type PolicyProblem, problemText } from './problem.ts'
export type { AgentView, PersonView, RegistryView, ServerView, ToolView } from './registry-view.ts'
export {
  createShadowCheck,
  type Said,
  type ShadowCheck,
  type ShadowCounts,
  type ShadowDifference,
  type ShadowOptions,
  shadowed,
} from './shadow.ts'
export type { EnginePolicy, PolicyInfo, PolicyOrigin, PolicySnapshot, PolicyView } from './snapshot.ts'
export { decodePolicySource, encodePolicySource, type PolicyFile, type PolicySource } from './source.ts'
export { type WatchOptions, type WatchReport, watchPolicyFolder } from './watch.ts'
