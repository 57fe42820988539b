export {
  AGENT_STATUSES,
  Agent,
  AgentKey,
  AgentRole,
  AgentStatus,
  agentOfSpiffeId,
  agentSpiffeId,
  DisplayName,
  GroupName,
  mayChangeStatus,
} from './agent.ts'
export {
  type Authority,
  type Growth,
  grantCovers,
  intersect,
  isSubset,
  normalizeDetails,
  type SubsetAnswer,
  tokenCovers,
} from './authority.ts'
export { AuthorizationDetail, AuthorizationDetails, McpToolsDetail } from './authorization-details.ts'
export type { ActorFacts, CallerFacts, ProofMethod } from './caller.ts'
export type { Decision, Obligation, PointAnswer } from './decision.ts'
export { Grant, GrantStatus, isLive } from './grant.ts'
export type {
  AgentId,
  DecisionId,
  DomainId,
  GrantId,
  HopId,
  InstanceId,
  OperationId,
  OwnerId,
  PersonId,
  RecordId,
  ServerId,
  SessionId,
  TokenId,
  WorkflowId,
} from './ids.ts'
export {
  isConsequential,
  type JsonValue,
  type Operation,
  type OperationFacts,
  operationHash,
  type ToolLabels,
} from './operation.ts'
export { type Party, sameParty } from './party.ts'
export { accessTokenClaims, type MintFacts } from './projections/access-token.ts'
export { callerFacts, type TokenEvidence } from './readings/access-token.ts'
export type {
  AlertRecord,
  EpochRecord,
  IntentRecord,
  LedgerRecord,
  OutcomeRecord,
  RecordKind,
  ReductionRecord,
  RefusalRecord,
} from './record.ts'
export { Server, ServerName, ServerStatus, ServerTransport, ToolLabelsSchema } from './resource.ts'
export { revocationKey, revocationKeys } from './revocation-keys.ts'
export { taskOf, tasksOf } from './task.ts'
export { toolDefinitionHash } from './tool-definition.ts'
