import type { Id } from '@credence/kit'

export type DomainId = Id<'dom'>
export type AgentId = Id<'agt'>
export type InstanceId = Id<'ins'>
export type OwnerId = Id<'own'>
export type PersonId = Id<'usr'>
export type ServerId = Id<'srv'>
export type GrantId = Id<'grt'>
export type WorkflowId = Id<'wfl'>
export type HopId = Id<'hop'>
export type DecisionId = Id<'dec'>
export type RecordId = Id<'rec'>
export type OperationId = Id<'opn'>
export type TokenId = Id<'jti'>
export type SessionId = Id<'ses'>
