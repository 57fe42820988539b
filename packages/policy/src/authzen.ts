/**
 * AuthZEN 1.0 evaluation. For our own entity types the answer comes from our registry and from verified facts; what a
 * request says about them is ignored. For types of a folder's own schema, `properties` and `context` are what the
 * enforcement point says, and policies see them under exactly these names.
 */
import type { Clock } from '@credence/kit'
import { isConsequential, type Party } from '@credence/model'
import { type EvaluationRequest, parseEvaluationRequest } from '@credence/protocol/authzen'
import { type AuthZenResponse, answer, refusal } from './authzen-answer.ts'
import type { KnownEntities } from './authzen-entities.ts'
import { fieldsOf, genericQuestion } from './authzen-generic.ts'
import { type CedarEntity, CedarQuestion } from './compile/entities.ts'
import { CedarDatetime } from './compile/extensions/datetime.ts'
import { CedarRecord, CedarSet, type CedarValue, Uid } from './compile/values.ts'
import { anyAction, authorityAction } from './facts/actions.ts'
import { grantRecord, mondayOf } from './facts/context.ts'
import { AUTHORITY, agentEntity, personEntity, personUid, serverEntity, toolEntity } from './facts/question.ts'
import { asked } from './reason.ts'
import type { RegistryView } from './registry-view.ts'
import type { PolicySnapshot } from './snapshot.ts'

/** Facts that the one who mounts this has verified, for example by looking up the grant that the request is about. */
export interface VerifiedFacts {
  readonly subject?: Party
  readonly proof?: 'dpop' | 'mtls' | 'client_assertion' | 'none'
  readonly granted?: boolean
  /** The task has read what strangers wrote. Absent: nobody knows, so it counts as if. */
  readonly untrusted?: boolean
  readonly scopes?: readonly string[]
  readonly client?: string
  readonly grant?: {
    readonly id: string
    /** At the server in question. */
    readonly tools: readonly string[]
    /** Epoch milliseconds. */
    readonly until: number
  }
  /**
   * Through whom the call goes, the current actor first: for each whether it is a registered agent. Absent: the enforcement
   * point did not say, and what a policy wants to know of it is refused.
   */
  readonly actors?: readonly { readonly id: string; readonly registered: boolean }[]
}

export interface AuthZenOptions {
  readonly snapshot: PolicySnapshot
  readonly registry: RegistryView
  readonly issuer: string
  /** What `context.now` is of our own actions; asked only where a policy reads the time. */
  readonly clock: Pick<Clock, 'now'>
  /** Absent: nothing is granted and nothing is proven, so tools and servers are refused. */
  readonly verified?: (request: EvaluationRequest) => VerifiedFacts | Promise<VerifiedFacts>
  /** Entities of a folder's own schema. Of a type that is in it, only these exist. */
  readonly entities?: KnownEntities
  /** Knows nothing of the domain: `agent`, `person`, `tool`, `server` and `authority` are types of its own schema, or of none. */
  readonly foreign?: boolean
  readonly onError?: (error: unknown) => void
}

export type { AuthZenResponse }

const OUR_SUBJECTS = new Set(['agent', 'person'])
const OUR_RESOURCES = new Set(['tool', 'server', 'authority'])

/** Which tool of which server: `["<resource>","<name>"]`, or the name with `properties.server`. */
export const toolOfRequest = ({
  id,
  properties,
}: EvaluationRequest['resource']): readonly [string, string] | undefined => {
  const server = properties === undefined || !Object.hasOwn(properties, 'server') ? undefined : properties.server
  if (typeof server === 'string') return [server, id]
  try {
    const pair: unknown = JSON.parse(id)
    return Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string')
      ? [String(pair[0]), String(pair[1])]
      : undefined
  } catch {
    return undefined
  }
}

const subjectEntity = ({ subject }: EvaluationRequest, { registry, issuer }: AuthZenOptions): CedarEntity =>
  subject.type === 'agent'
    ? agentEntity(subject.id, registry)
    : personEntity({ iss: issuer, sub: subject.id }, { registry, issuer })

const resourceEntities = (
  { resource }: EvaluationRequest,
  registry: RegistryView,
): readonly [CedarEntity, ...CedarEntity[]] | undefined => {
  if (resource.type === 'authority') return [AUTHORITY]
  if (resource.type === 'server') return [serverEntity(resource.id, registry)]
  const tool = toolOfRequest(resource)
  if (tool === undefined) return undefined
  const server = serverEntity(tool[0], registry)
  return [toolEntity(server.uid, tool[1], registry), server]
}

/** What is there only where a policy reads it. */
const onDemand = (
  { grant, actors = [], untrusted = true }: VerifiedFacts,
  { snapshot: { contexts }, clock }: AuthZenOptions,
): readonly (readonly [string, CedarValue])[] => {
  const now = contexts.reads('now') || contexts.reads('monday') ? clock.now() : 0
  return [
    ['now', new CedarDatetime(now)],
    ['monday', new CedarDatetime(mondayOf(now))],
    ['chain', new CedarSet(actors.flatMap(({ id, registered }) => (registered ? [new Uid('Agent', id)] : [])))],
    ['strangers', actors.filter(({ registered }) => !registered).length],
    ['untrusted', untrusted],
    ...(grant === undefined ? [] : [['grant', grantRecord(grant.id, grant.tools, grant.until)] as const]),
  ]
}

const ourContext = (request: EvaluationRequest, facts: VerifiedFacts, options: AuthZenOptions): CedarRecord => {
  const { registry, issuer, snapshot } = options
  const tool = request.resource.type === 'tool' ? toolOfRequest(request.resource) : undefined
  const labels = tool === undefined ? undefined : registry.tool(tool[0], tool[1])
  const context = new Map<string, CedarValue>([
    ['self', facts.subject === undefined],
    ['proof', facts.proof ?? 'none'],
    ['consequential', isConsequential(labels ?? {})],
    ['granted', facts.granted === true],
    ['scopes', new CedarSet(facts.scopes ?? [])],
    ['client', facts.client ?? ''],
    ['depth', facts.actors?.length ?? 0],
  ])
  if (facts.subject !== undefined) context.set('subject', personUid(facts.subject, issuer))
  for (const [name, value] of onDemand(facts, options)) context.set(name, value)
  if (request.resource.type === 'authority') {
    context.set('target', '')
    context.set('own', false)
    context.set('direct', false)
    return CedarRecord.of(context)
  }
  const read = snapshot.readArguments(fieldsOf(request.context)['arguments'] ?? {})
  if (read.arguments !== undefined) context.set('arguments', read.arguments)
  context.set('argumentsOmitted', read.omitted)
  return CedarRecord.of(context)
}

const ourQuestion = (
  request: EvaluationRequest,
  facts: VerifiedFacts,
  options: AuthZenOptions,
): CedarQuestion | undefined => {
  const { registry, issuer, snapshot } = options
  const resources = resourceEntities(request, registry)
  if (resources === undefined) return undefined
  const principal = subjectEntity(request, options)
  const name = request.action.name
  const action = request.resource.type === 'authority' ? authorityAction(name) : anyAction(snapshot.actions, name)
  const subject = facts.subject === undefined ? [] : [personEntity(facts.subject, { registry, issuer })]
  const entities = new Map([...subject, principal, action, ...resources].map((one) => [one.uid.key, one]))
  const about = { principal: principal.uid, action: action.uid, resource: resources[0].uid }
  return new CedarQuestion(about, ourContext(request, facts, options), entities)
}

/** What the enforcement point alone can know. INVARIANT: what it leaves out is never taken for the harmless value. */
const ABOUT_ACTORS = ['chain', 'strangers', 'depth', 'instance'] as const

const unknownActors = (
  { subject, resource }: EvaluationRequest,
  { actors }: VerifiedFacts,
  { snapshot: { contexts } }: AuthZenOptions,
): string | undefined => {
  if (subject.type !== 'agent' || resource.type === 'authority') return undefined
  return ABOUT_ACTORS.find((name) => contexts.reads(name) && (actors === undefined || name === 'instance'))
}

const evaluateOurs = async (request: EvaluationRequest, options: AuthZenOptions): Promise<AuthZenResponse> => {
  const { snapshot } = options
  const facts = (await options.verified?.(request)) ?? {}
  const authority = request.resource.type === 'authority'
  const what = asked({ method: request.action.name, name: '' })
  if (!authority && facts.granted !== true)
    return refusal(snapshot, `Nothing was granted that allows ${what}.`, ['grant'])
  const unknown = unknownActors(request, facts, options)
  if (unknown !== undefined)
    return refusal(
      snapshot,
      `A policy reads ${unknown} of the call, and the request does not say through whom it goes.`,
    )
  const question = ourQuestion(request, facts, options)
  if (question === undefined) return refusal(snapshot, 'The request does not say of which server the tool is.')
  return answer(snapshot, await snapshot.evaluate(question, authority ? 'authority' : 'everything'), request)
}

/** At once, unless a policy is reached that only cedar-wasm evaluates. */
const evaluateGeneric = (
  request: EvaluationRequest,
  options: AuthZenOptions,
): AuthZenResponse | Promise<AuthZenResponse> => {
  const { snapshot } = options
  const isOurs = options.foreign !== true && OUR_SUBJECTS.has(request.subject.type)
  const ours = isOurs ? subjectEntity(request, options) : undefined
  const question = genericQuestion(request, snapshot, ours, options.entities)
  if (typeof question === 'string') return refusal(snapshot, question)
  const verdict = snapshot.evaluate(question, 'everything')
  return verdict instanceof Promise
    ? verdict.then((late) => answer(snapshot, late, request))
    : answer(snapshot, verdict, request)
}

const evaluate = (request: EvaluationRequest, options: AuthZenOptions): AuthZenResponse | Promise<AuthZenResponse> => {
  if (options.foreign === true || !OUR_RESOURCES.has(request.resource.type)) return evaluateGeneric(request, options)
  return OUR_SUBJECTS.has(request.subject.type)
    ? evaluateOurs(request, options)
    : refusal(options.snapshot, 'Only agents and people use tools, servers and the authority.')
}

const failed = (error: unknown, { snapshot, onError }: AuthZenOptions): AuthZenResponse => {
  try {
    onError?.(error)
  } catch {
    // Whoever logs must not turn a refusal into something else.
  }
  return refusal(snapshot, 'The decision could not be made, so the answer is no.')
}

/** Answers one AuthZEN 1.0 evaluation. Throws `refused` with status 400 for a malformed request; a deny is an answer. */
export const evaluateAuthZen = async (request: unknown, options: AuthZenOptions): Promise<AuthZenResponse> =>
  decideAuthZen(parseEvaluationRequest(request), options)

/** The same for a request that was read already. Never throws or rejects: what fails is a deny. */
export const decideAuthZen = (
  request: EvaluationRequest,
  options: AuthZenOptions,
): AuthZenResponse | Promise<AuthZenResponse> => {
  try {
    const decided = evaluate(request, options)
    return decided instanceof Promise ? decided.catch((error: unknown) => failed(error, options)) : decided
  } catch (error) {
    return failed(error, options)
  }
}
