export { createGuard, type DoorRequest, type Guard, type GuardOptions, type HttpAnswer } from './guard.ts'
export type { HttpOperation, MapHttp } from './http/map-request.ts'
export { type HttpRefusal, httpRefusal, type RefusalContext } from './http/refusal.ts'
export { createLogRecorder, type LogRecorderOptions } from './log-recorder.ts'
export { meteredRecorder } from './metered-recorder.ts'
export { type Call, createPipeline, type Pipeline, type PipelineDeps } from './pipeline.ts'
export type {
  Authenticated,
  Authenticator,
  Commitments,
  Debt,
  Decider,
  NewIntent,
  NewOutcome,
  NewRefusal,
  Obligations,
  Outbox,
  Receipt,
  Recorder,
  RevocationHandle,
  Revocations,
  Tasks,
  UpstreamCredential,
} from './ports.ts'
export { about, type RefusalFacts, refusalFacts } from './refusal.ts'
export { createRuleDecider, type Ruling } from './rule-decider.ts'
export type { Caller } from './stages/caller.ts'
export type { Intent } from './stages/intent.ts'
export type { FrozenOperation, Mapping, MapStep } from './stages/operation.ts'
export {
  type Completion,
  isWire,
  type Outcome,
  type Release,
  type Send,
  type Sent,
  type Wire,
} from './stages/outcome.ts'
export type { Permit } from './stages/permit.ts'
export type { Presented } from './stages/presented.ts'
export { staticRevocations } from './static-revocations.ts'
export {
  createTokenAuthenticator,
  type TokenAuthenticator,
  type TokenAuthenticatorOptions,
} from './token/authenticator.ts'
export { createJwksKeySource, type JwksOptions } from './token/jwks-key-source.ts'
export { type KeySource, staticKeys } from './token/key-source.ts'
export type { PresentedToken } from './token/presented-token.ts'
export { domainOfIssuer, type Reading, readCredenceToken, readForeignToken, type TokenFacts } from './token/readings.ts'
export type { TrustedIssuer } from './token/trust.ts'
