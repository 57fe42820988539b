/**
 * A remote decision point that speaks AuthZEN 1.0, instead of our own or beside it (`bothMustPermit`).
 *
 * INVARIANT: anything but HTTP 200 with `{"decision": true}`, in time, in strict JSON and to the request that was asked, is
 * not a permission.
 */
import { type Clock, isCredenceError, newId, type Random, unavailable } from '@credence/kit'
import type { SafeFetch, SafeResponse } from '@credence/kit/fetch'
import { type JsonValue, parseStrict } from '@credence/kit/json'
import type { CallerFacts, Decision, DecisionId, Obligation, Operation } from '@credence/model'
import { type EvaluationRequest, type EvaluationResponse, parseEvaluationResponse } from '@credence/protocol/authzen'
import { declaredSupport, readObligations } from '@credence/protocol/authzen/obligations-draft-1'
import type { Decider } from '../ports.ts'
import { discoveredEndpoint, type Endpoint } from './authzen-endpoint.ts'
import { requireEncrypted, requireOrigin } from './authzen-where.ts'
import { evaluationRequest } from './coaz.ts'
import { within } from './deadline.ts'

export { bothMustPermit, saidBy } from './authzen-beside.ts'
export { coazRequests, coazToken, evaluationRequest, type MappingOf, mappingsOf, paramsOf } from './coaz.ts'

type Questions = EvaluationRequest | readonly EvaluationRequest[]

interface Common {
  readonly fetch: SafeFetch
  readonly random: Random
  /** Its name in records. Default: the host of its URL. */
  readonly name?: string
  /** Milliseconds for one decision, everything included: finding the endpoint, credentials, the answers. Default 1,000. */
  readonly timeoutMs?: number
  /**
   * Header fields that authenticate us to the decision point, asked for on every request. With them the metadata of a
   * `decisionPoint` can name an endpoint of the same origin only; another one is configured as `url`.
   */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /**
   * For a decision point that wants other words. Of several questions each must be permitted. Default: `evaluationRequest`.
   * What it throws is no permission.
   */
  readonly request?: (operation: Operation, caller: CallerFacts) => Questions | Promise<Questions>
  /** Types of obligations that are met here; told to a decision point whose metadata says that it may demand them. */
  readonly meets?: readonly string[]
  /** Why there was no answer: for the operator's log. */
  readonly onError?: (error: unknown) => void
}

/** The evaluation endpoint itself: `https://pdp.example/access/v1/evaluation`. */
interface Told extends Common {
  readonly url: string
}

/** The decision point, `https://pdp.example` or `https://pdp.example/tenant1`: its metadata says where it answers. */
interface Discovered extends Common {
  readonly decisionPoint: string
  readonly clock: Pick<Clock, 'monotonic'>
}

export type AuthZenDeciderOptions = Told | Discovered

const MAXIMUM_ANSWER = 65_536
const MAXIMUM_QUESTIONS = 16
const TIMEOUT_MS = 1000

export const createAuthZenDecider = (options: AuthZenDeciderOptions): Decider => {
  const endpoint = endpointOf(options)
  const name = (options.name ?? new URL('url' in options ? options.url : options.decisionPoint).host).slice(0, 64)
  const { timeoutMs = TIMEOUT_MS } = options
  return {
    decide: async (operation, caller) => {
      const id = newId('dec', options.random)
      try {
        return await within(timeoutMs, async (signal) => {
          const questions = await questionsOf(operation, caller, options)
          const where = await endpoint()
          return await decideAll(name, id, questions, { where, signal, options })
        })
      } catch (cause) {
        throw noAnswer(cause, options)
      }
    },
  }
}

/** Throws `decider_unavailable` at once for what is configured without encryption. */
const endpointOf = (options: AuthZenDeciderOptions): (() => Promise<Endpoint> | Endpoint) => {
  if ('url' in options) {
    const told = { url: requireEncrypted(options.url), obligations: undefined }
    return () => told
  }
  const { decisionPoint, headers } = options
  requireEncrypted(decisionPoint)
  const discovered = discoveredEndpoint({ ...options, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })
  return async () => {
    const found = await discovered()
    requireEncrypted(found.url)
    if (headers !== undefined) requireOrigin(found.url, decisionPoint)
    return found
  }
}

/** `decision_rate`: `request` says that this caller has asked too often. */
const STAYS = new Set(['decider_unavailable', 'decision_rate'])

/** What the question itself cannot be asked for stays the refusal that it is; everything else is an outage. */
const noAnswer = (cause: unknown, { onError }: Common) => {
  try {
    onError?.(cause)
  } catch {
    // Whoever logs must not turn a refusal into something else.
  }
  if (isCredenceError(cause) && (STAYS.has(cause.code) || cause.code.startsWith('coaz_'))) return cause
  return unanswered(String(cause), cause)
}

const unanswered = (detail: string, cause?: unknown) =>
  unavailable('decider_unavailable', 'No decision could be made, so the answer is no.', { detail, cause })

const questionsOf = async (
  operation: Operation,
  caller: CallerFacts,
  { request = evaluationRequest }: Common,
): Promise<readonly EvaluationRequest[]> => {
  const asked = await request(operation, caller)
  const questions = Array.isArray(asked) ? (asked as readonly EvaluationRequest[]) : [asked as EvaluationRequest]
  if (questions.length === 0 || questions.length > MAXIMUM_QUESTIONS)
    throw unanswered(`an operation became ${questions.length} questions`)
  return questions
}

/** > by including a `supported_obligations` array in the `context` member of the AuthZEN request (Obligations, draft 1) */
const declaring = (question: EvaluationRequest, meets: readonly string[], { obligations }: Endpoint) => {
  const declared = declaredSupport(meets, obligations)
  if (declared.length === 0) return question
  return { ...question, context: { ...question.context, supported_obligations: declared } }
}

interface Asking {
  readonly where: Endpoint
  readonly signal: AbortSignal
  readonly options: Common
}

/** INVARIANT: granted only if every question was answered with yes; the obligations of all of them count. */
const decideAll = async (
  name: string,
  id: DecisionId,
  questions: readonly EvaluationRequest[],
  asking: Asking,
): Promise<Decision> => {
  let decided: Decision | undefined
  for (const [at, question] of questions.entries()) {
    const request = questions.length === 1 ? id : `${id}-${at + 1}`
    const answer = decisionOf(name, id, request, await evaluate(request, question, asking))
    decided = decided === undefined ? answer : alsoPermitted(decided, answer)
    if (decided.effect !== 'granted') return decided
  }
  if (decided === undefined) throw unanswered('nothing was asked')
  return decided
}

const alsoPermitted = (before: Decision, answer: Decision): Decision => ({
  ...answer,
  policies: [...before.policies, ...answer.policies],
  obligations: [...before.obligations, ...answer.obligations],
})

const evaluate = async (
  id: string,
  question: EvaluationRequest,
  { where, signal, options: { fetch, headers, meets = [], timeoutMs = TIMEOUT_MS } }: Asking,
): Promise<EvaluationResponse> => {
  const credentials = await headers?.()
  signal.throwIfAborted()
  const answer = await fetch(where.url, {
    method: 'POST',
    headers: {
      ...credentials,
      'content-type': 'application/json',
      accept: 'application/json',
      'x-request-id': id,
    },
    body: JSON.stringify(declaring(question, meets, where)),
    maxBytes: MAXIMUM_ANSWER,
    timeoutMs,
    signal,
    contentTypes: ['application/json'],
  })
  return readAnswer(id, answer)
}

/** > the PDP MUST include the same identifier in the response. Who sends none is heard; who sends another is not. */
const readAnswer = (id: string, { status, headers, bytes }: SafeResponse): EvaluationResponse => {
  if (status !== 200) throw unanswered(`the decision point answered ${status}`)
  const named = headers['x-request-id'] ?? id
  if (named !== id) throw unanswered('the decision point answered another request')
  return parseEvaluationResponse(parseStrict(bytes))
}

/** What another party wrote goes to logs, records, callers and terminals: one line, without what steers them. */
const plain = (value: string, longest: number): string =>
  value
    .slice(0, longest)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')

const POLICY = 256

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.flatMap((one) => (typeof one === 'string' ? [plain(one, POLICY)] : [])).slice(0, 64) : []

const text = (value: unknown, otherwise: string, longest: number): string =>
  typeof value === 'string' ? plain(value, longest) : otherwise

const VERSION = 64

const decisionOf = (
  point: string,
  id: DecisionId,
  request: string,
  { decision, context }: EvaluationResponse,
): Decision => {
  const effect = decision ? 'granted' : 'refused'
  const version = text(context?.version, 'unknown', VERSION)
  return {
    id,
    effect,
    policies: texts(context?.policies).map((policy) => `${point}/${policy}`),
    policyVersion: version,
    reason: text(context?.reason, decision ? 'The decision point said yes.' : 'The decision point said no.', 1024),
    errors: [],
    obligations: readObligations(context).map(
      ({ id: one, type, properties }): Obligation => ({ id: one, type, properties: properties as JsonValue }),
    ),
    by: [{ point, request, effect, version }],
  }
}
