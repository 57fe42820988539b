/**
 * A remote decision point that speaks AuthZEN 1.0.
 *
 * INVARIANT: anything but HTTP 200 with `{"decision": true}`, in time and in strict JSON, is not a permission.
 */
import { isCredenceError, newId, type Random, unavailable } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { type JsonValue, parseStrict } from '@credence/kit/json'
import type { CallerFacts, Decision, Obligation, Operation } from '@credence/model'
import { type EvaluationRequest, type EvaluationResponse, parseEvaluationResponse } from '@credence/protocol/authzen'
import { defined } from '../defined.ts'
import type { Decider } from '../ports.ts'

export interface AuthZenDeciderOptions {
  /** The evaluation endpoint itself: `https://pdp.example/access/v1/evaluation`. */
  readonly url: string
  readonly fetch: SafeFetch
  readonly random: Random
  /** Milliseconds for everything. Default 1,000. */
  readonly timeoutMs?: number
  /** Header fields that authenticate us to the decision point, asked for on every request. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** For a decision point that wants other words. Default: `evaluationRequest`. */
  readonly request?: (operation: Operation, caller: CallerFacts) => EvaluationRequest
}

const MAXIMUM_ANSWER = 65_536

export const createAuthZenDecider = (options: AuthZenDeciderOptions): Decider => ({
  decide: async (operation, caller) => {
    const question = (options.request ?? evaluationRequest)(operation, caller)
    return decisionOf(await evaluate(question, options), options)
  },
})

const noAnswer = (detail: string, cause?: unknown) =>
  unavailable('decider_unavailable', 'No decision could be made, so the answer is no.', { detail, cause })

const evaluate = async (question: EvaluationRequest, options: AuthZenDeciderOptions): Promise<EvaluationResponse> => {
  try {
    const answer = await options.fetch(options.url, {
      method: 'POST',
      headers: { ...(await options.headers?.()), 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(question),
      maxBytes: MAXIMUM_ANSWER,
      timeoutMs: options.timeoutMs ?? 1000,
      contentTypes: ['application/json'],
    })
    if (answer.status !== 200) throw noAnswer(`the decision point answered ${answer.status}`)
    return parseEvaluationResponse(parseStrict(answer.bytes))
  } catch (cause) {
    if (isCredenceError(cause) && cause.code === 'decider_unavailable') throw cause
    throw noAnswer(String(cause), cause)
  }
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string').slice(0, 64) : []

const text = (value: unknown, otherwise: string): string =>
  typeof value === 'string' ? value.slice(0, 1024) : otherwise

const decisionOf = ({ decision, context }: EvaluationResponse, { random }: AuthZenDeciderOptions): Decision => ({
  id: newId('dec', random),
  effect: decision ? 'granted' : 'refused',
  policies: texts(context?.policies),
  policyVersion: text(context?.version, 'unknown'),
  reason: text(context?.reason, decision ? 'The decision point said yes.' : 'The decision point said no.'),
  errors: [],
  obligations: obligationsOf(context?.obligations),
})

/** What cannot be read as an obligation is still one; nobody can meet it, so it denies. */
const obligationsOf = (value: unknown): Obligation[] => {
  if (value === undefined) return []
  if (!Array.isArray(value)) return [{ id: 'unreadable', type: 'unreadable', properties: {} }]
  return value.map((item: unknown, index) => {
    const { id, type, properties } = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>
    return { id: text(id, String(index)), type: text(type, 'unreadable'), properties: asJson(properties) }
  })
}

const asJson = (value: unknown): JsonValue => (value === undefined ? {} : (value as JsonValue))

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
