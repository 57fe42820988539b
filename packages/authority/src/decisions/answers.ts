/** The answers of Authorization API 1.0, from any decision point. */
import { setImmediate } from 'node:timers/promises'
import { type AuthZenResponse, searchPage } from '@credence/policy'
import {
  endsBatch,
  isMalformed,
  type MalformedItem,
  PAGE_LIMIT,
  parseEvaluationRequest,
  parseEvaluationsRequest,
  parseSearchRequest,
  type SearchKind,
  type SearchRequest,
} from '@credence/protocol/authzen'
import type { PageTokens } from './page-token.ts'
import type { DecisionPoint, Found } from './point.ts'

export const answerEvaluation = async (point: DecisionPoint, body: unknown): Promise<AuthZenResponse> => {
  const request = parseEvaluationRequest(body)
  return point.pin().evaluate(request)
}

/** > denoted by `"decision": false`, optionally with a reason code in that item's `context` */
const failedItem = ({ malformed }: MalformedItem) => ({
  decision: false,
  context: { error: { status: 400, message: malformed } },
})

/** INVARIANT: others are served between the portions of a batch or a search, whoever asked for however much. */
const PORTION = 64

/** Told how many questions a request asks, before the first is answered; what it throws is the answer. */
export type Spend = (questions: number) => void

const FREE: Spend = () => undefined

export const answerEvaluations = async (point: DecisionPoint, body: unknown, spend = FREE): Promise<unknown> => {
  const { semantic, items, single } = parseEvaluationsRequest(body)
  spend(items.length)
  const pinned = point.pin()
  const evaluations: { readonly decision: boolean }[] = []
  for (const item of items) {
    const given = isMalformed(item) ? failedItem(item) : pinned.evaluate(item)
    // NOTE: a promise costs as much as the decision; most answers are there at once.
    const answer = given instanceof Promise ? await given : given
    if (single) return answer
    evaluations.push(answer)
    if (endsBatch(semantic, answer.decision)) break
    if (evaluations.length % PORTION === 0) await setImmediate()
  }
  return { evaluations }
}

type Obligations = NonNullable<AuthZenResponse['context']['obligations']>

/** > if the PDP returns per-result Obligations [...] the PEP MUST exclude only that result (Obligations, draft 1) */
const resultOf = ({ kind, type }: SearchRequest, id: string, obligations: Obligations | undefined): object => ({
  ...(kind === 'action' ? { name: id } : { type, id }),
  ...(obligations === undefined ? {} : { context: { obligations } }),
})

/**
 * > if a response does not contain the entire result set, it MUST include this object
 * A page may hold fewer results than its limit, even none, and still have a next one: how many candidates it looks at
 * is bounded.
 */
export const answerSearch = async (
  point: DecisionPoint,
  kind: SearchKind,
  body: unknown,
  tokens: PageTokens,
  spend = FREE,
): Promise<unknown> => {
  const search = parseSearchRequest(kind, body)
  const { after, limit } = tokens.open(point.identifier, search)
  const pinned = point.pin()
  const candidates = await pinned.candidates(search)
  spend(Math.min(candidates.length, point.scan))
  let asked = 0
  const demanded = new Map<string, Obligations>()
  const isFound = (candidate: string, answer: Found): boolean => {
    if (answer?.decision !== true) return false
    if (answer.context.obligations !== undefined) demanded.set(candidate, answer.context.obligations)
    return true
  }
  const { found, next } = await searchPage({
    candidates,
    permits: (candidate) => {
      asked++
      const ask = () => pinned.permits(search.of(candidate))
      const given = asked % PORTION === 0 ? setImmediate().then(ask) : ask()
      return given instanceof Promise ? given.then((answer) => isFound(candidate, answer)) : isFound(candidate, given)
    },
    after,
    limit: limit ?? PAGE_LIMIT,
    scan: point.scan,
  })
  const results = found.map((id) => resultOf(search, id, demanded.get(id)))
  if (next === undefined && search.page === undefined) return { results }
  const token = next === undefined ? '' : tokens.make(point.identifier, search, next, limit)
  return { page: { next_token: token, count: results.length }, results }
}
