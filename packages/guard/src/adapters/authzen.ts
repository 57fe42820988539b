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
import { defined } from '../defined.ts'
import type { Decider } from '../ports.ts'
import { discoveredEndpoint, type Endpoint } from './authzen-endpoint.ts'

export { bothMustPermit } from './authzen-beside.ts'

interface Common {
  readonly fetch: SafeFetch
  readonly random: Random
  /** Milliseconds for one question. Default 1,000. */
  readonly timeoutMs?: number
  /** Header fields that authenticate us to the decision point, asked for on every request. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** For a decision point that wants other words. Default: `evaluationRequest`. */
  readonly request?: (operation: Operation, caller: CallerFacts) => EvaluationRequest
  /** Types of obligations that are met here; told to a decision point whose metadata says that it may demand them. */
  readonly meets?: readonly string[]
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
const TIMEOUT_MS = 1000

export const createAuthZenDecider = (options: AuthZenDeciderOptions): Decider => {
  const endpoint = endpointOf(options)
  return {
    decide: async (operation, caller) => {
      const id = newId('dec', options.random)
      const question = (options.request ?? evaluationRequest)(operation, caller)
      return decisionOf(id, await evaluate(id, question, endpoint, options))
    },
  }
}

const endpointOf = (options: AuthZenDeciderOptions): (() => Promise<Endpoint> | Endpoint) => {
  if ('url' in options) return () => ({ url: options.url, obligations: undefined })
  return discoveredEndpoint({ ...options, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })
}

const noAnswer = (detail: string, cause?: unknown) =>
  unavailable('decider_unavailable', 'No decision could be made, so the answer is no.', { detail, cause })

/** > by including a `supported_obligations` array in the `context` member of the AuthZEN request (Obligations, draft 1) */
const declaring = (question: EvaluationRequest, meets: readonly string[], { obligations }: Endpoint) => {
  const declared = declaredSupport(meets, obligations)
  if (declared.length === 0) return question
  return { ...question, context: { ...question.context, supported_obligations: declared } }
}

const evaluate = async (
  id: DecisionId,
  question: EvaluationRequest,
  endpoint: () => Promise<Endpoint> | Endpoint,
  { fetch, headers, meets = [], timeoutMs = TIMEOUT_MS }: Common,
): Promise<EvaluationResponse> => {
  try {
    const where = await endpoint()
    const answer = await fetch(where.url, {
      method: 'POST',
      headers: {
        ...(await headers?.()),
        'content-type': 'application/json',
        accept: 'application/json',
        'x-request-id': id,
      },
      body: JSON.stringify(declaring(question, meets, where)),
      maxBytes: MAXIMUM_ANSWER,
      timeoutMs,
      contentTypes: ['application/json'],
    })
    return readAnswer(id, answer)
  } catch (cause) {
    if (isCredenceError(cause) && cause.code === 'decider_unavailable') throw cause
    throw noAnswer(String(cause), cause)
  }
}

/** > the PDP MUST include the same identifier in the response. Who sends none is heard; who sends another is not. */
const readAnswer = (id: DecisionId, { status, headers, bytes }: SafeResponse): EvaluationResponse => {
  if (status !== 200) throw noAnswer(`the decision point answered ${status}`)
  const named = headers['x-request-id'] ?? id
  if (named !== id) throw noAnswer('the decision point answered another request')
  return parseEvaluationResponse(parseStrict(bytes))
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string').slice(0, 64) : []

const text = (value: unknown, otherwise: string): string =>
  typeof value === 'string' ? value.slice(0, 1024) : otherwise

const decisionOf = (id: DecisionId, { decision, context }: EvaluationResponse): Decision => ({
  id,
  effect: decision ? 'granted' : 'refused',
  policies: texts(context?.policies),
  policyVersion: text(context?.version, 'unknown'),
  reason: text(context?.reason, decision ? 'The decision point said yes.' : 'The decision point said no.'),
  errors: [],
  obligations: readObligations(context).map(
    ({ id: one, type, properties }): Obligation => ({ id: one, type, properties: properties as JsonValue }),
  ),
})

/** COAZ-MCP draft 1 for what is an MCP message; the same form for everything else. */
export const evaluationRequest = (operation: Operation, caller: CallerFacts): EvaluationRequest => ({
  subject: { type: 'identity', id: caller.subject.sub, properties: { iss: caller.subject.iss } },
  action: { name: operation.method },
  resource: {
    type: operation.method === 'tools/call' ? 'tool' : 'operation',
    id: operation.name === '' ? operation.resource : operation.name,
    properties: { server: operation.resource, arguments: operation.arguments, labels: { ...operation.labels } },
  },
  context: {
    agent: caller.clientId,
    actors: caller.actors.map(({ party }) => ({ ...party })),
    scope: [...caller.scope],
    proof: caller.proof,
    consequential: operation.consequential,
    op: operation.op,
    ...defined({ grant: caller.grant, txn: caller.txn }),
  },
})
