/**
 * A recorded decision as a scene. A record holds no arguments, no labels and no roles: labels and roles are those of the
 * registry today, and what nobody can know any more is named as unknown, never guessed.
 */
import {
  type AuthorizationDetails,
  type CallerFacts,
  type IntentRecord,
  isConsequential,
  type LedgerRecord,
  type Operation,
  type OperationId,
  type ProofMethod,
  type RefusalRecord,
  sameParty,
} from '@credence/model'
import { isAuthority } from '../facts/question.ts'
import type { RegistryView } from '../registry-view.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import type { Unknowns } from './explain/index.ts'
import type { Answer } from './explain/settle.ts'
import { labelsOf, type Scene, TOOL_METHOD } from './facts.ts'

export type DecidedRecord = IntentRecord | (RefusalRecord & { readonly decision: IntentRecord['decision'] })

/** What the gateway answers itself, such as pings, names itself so. */
const isBuiltIn = (policy: string): boolean => policy.startsWith('builtin:')

/** What the guard says of a decision that was not a plain yes. */
const ANSWERED: ReadonlySet<string> = new Set(['policy_refused', 'approval_required'])

/**
 * Policies or the grant answered. Not: who was refused without being asked about, what was granted and refused later for
 * another reason, and what needs no decision.
 */
export const isDecided = (record: LedgerRecord): record is DecidedRecord =>
  record.kind === 'intent'
    ? record.decision.observed !== undefined ||
      (record.decision.policies.length > 0 && !record.decision.policies.some(isBuiltIn))
    : record.kind === 'refusal' && ANSWERED.has(record.code) && record.decision !== undefined

export interface Recorded {
  readonly scene: Scene
  readonly unknowns: Unknowns
}

/** Why a recorded decision cannot be made again. */
export interface Untold {
  readonly untold: string
}

/** An act on the authority itself. */
export const isAct = ({ resource }: DecidedRecord, issuer: string): boolean => isAuthority(resource, issuer)

/** Longest name that a record keeps whole. */
const NAME = 512

const untoldReason = (record: DecidedRecord, registry: RegistryView, issuer: string): string | undefined => {
  if (isAct(record, issuer)) return 'it is an act on the authority, which system policies decide'
  if (record.method === undefined || record.subject === undefined || record.actors === undefined)
    return 'its record does not say what was asked'
  if ((record.name ?? '').length >= NAME) return 'its record does not hold the whole name'
  const agent = record.actors[0]?.agent
  if (agent !== undefined && registry.agent(agent) === undefined) return `${agent} is not registered any more`
  return undefined
}

const callerOf = (record: DecidedRecord): CallerFacts => {
  const { subject = { iss: '', sub: '' }, actors = [], client = '', resource } = record
  const [first] = actors
  const self = first === undefined ? subject.sub === client : sameParty(subject, first)
  const granted: AuthorizationDetails = [
    { type: 'mcp_tools', locations: [resource], tools: [(record.method === TOOL_METHOD && record.name) || '*'] },
  ]
  return {
    domain: record.domain,
    subject,
    actors: actors.map(({ iss, sub, agent }) => ({
      party: { iss, sub },
      ...(agent === undefined ? {} : { agent: agent as NonNullable<CallerFacts['actors'][number]['agent']> }),
    })),
    clientId: client,
    audience: resource,
    scope: [],
    // Policies were asked, so the grant covered it, unless nobody's grant stood behind it.
    authorizationDetails: self ? [] : granted,
    proof: record.kind === 'intent' ? (record.proof as ProofMethod) : 'dpop',
    ...(record.jti === undefined ? {} : { tokenId: record.jti }),
    ...(record.kind === 'intent' && record.token !== undefined ? { tokenHash: record.token } : {}),
    feed: 0,
    issuedAt: 0,
    expiresAt: 0,
  }
}

const operationOf = (record: DecidedRecord, caller: CallerFacts, registry: RegistryView): Operation => {
  const { method = '', name = '', resource } = record
  const labels = method === TOOL_METHOD ? labelsOf(registry.tool(resource, name) ?? {}) : {}
  return {
    id: 'opn_recorded' as OperationId,
    domain: record.domain,
    subject: caller.subject,
    actors: caller.actors,
    resource,
    method,
    name,
    arguments: {},
    labels,
    consequential: isConsequential(labels),
    op: record.op ?? '',
  }
}

const OBSERVED = { granted: 'allow', refused: 'deny', pending: 'ask' } as const

/** What the domain's policies said of the call itself, where others were asked too; undefined: they were not asked. */
export const ownWord = ({ decision }: DecidedRecord): NonNullable<typeof decision.by>[number] | undefined =>
  decision.by?.find(({ point }) => point === 'own')

/** Somebody else's decision point decided alone. */
export const decidedElsewhere = (record: DecidedRecord): boolean =>
  record.decision.by !== undefined && ownWord(record) === undefined

/** The version of the domain's policies. */
export const versionOf = (record: DecidedRecord): string => ownWord(record)?.version ?? record.decision.version

/** What the policies answered at that time, enforced or not. */
export const answerOf = (record: DecidedRecord): Answer => {
  const { observed } = record.decision
  if (observed !== undefined) return OBSERVED[observed]
  const own = ownWord(record)
  if (own !== undefined) return OBSERVED[own.effect]
  return record.kind === 'intent' ? 'allow' : record.code === 'approval_required' ? 'ask' : 'deny'
}

/** The grant answered, and does so whatever the policies say. */
export const decidedByGrant = ({ decision }: DecidedRecord): boolean =>
  decision.policies.length === 1 && decision.policies[0] === 'grant'

export const sceneOfRecord = (record: DecidedRecord, registry: RegistryView, issuer: string): Recorded | Untold => {
  const untold = untoldReason(record, registry, issuer)
  if (untold !== undefined) return { untold }
  const caller = callerOf(record)
  return {
    scene: {
      issuer,
      now: record.at,
      untrusted: record.decision.untrusted === true,
      caller,
      registry,
      operation: operationOf(record, caller, registry),
      owns: () => false,
    },
    unknowns: new Set([
      'arguments',
      'argumentsOmitted',
      'scopes',
      'grant',
      'instance',
      ...(record.kind === 'intent' ? [] : ['proof']),
    ]),
  }
}

/** Where a set declares no arguments, every question has the same: none. */
export const unknownsIn = (snapshot: PolicySnapshot, unknowns: Unknowns): Unknowns =>
  snapshot.readArguments('no record').omitted
    ? unknowns
    : new Set([...unknowns].filter((name) => name !== 'arguments' && name !== 'argumentsOmitted'))
