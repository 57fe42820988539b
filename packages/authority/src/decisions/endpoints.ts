/** AuthZEN 1.0 of the domain itself, as endpoints behind the same door as `/v1`. */
import {
  ActionSearchBody,
  ActionSearchResponse,
  EntitySearchResponse,
  EvaluationRequest,
  EvaluationResponse,
  EvaluationsBody,
  EvaluationsResponse,
  ResourceSearchBody,
  type SearchKind,
  SubjectSearchBody,
} from '@credence/protocol/authzen'
import { z } from 'zod'
import { type Endpoint, endpoint } from '../admin/endpoint.ts'
import { answerEvaluation, answerEvaluations, answerSearch } from './answers.ts'
import type { PageTokens } from './page-token.ts'
import type { DecisionPoint } from './point.ts'

/** What is described here is read by functions that say what is wrong in the standard's way, and once. */
const describedAs = (schema: z.ZodType): z.ZodType<unknown> => {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io: 'input' })
  return z.unknown().meta(json)
}

export interface DecisionDeps {
  readonly point: DecisionPoint
  readonly tokens: PageTokens
}

const COMMON = {
  method: 'POST',
  access: 'decide',
  consequential: false,
  operation: 'decision.evaluate',
  errors: 'text',
} as const

const searchBodies: Readonly<Record<SearchKind, z.ZodType>> = {
  subject: SubjectSearchBody,
  resource: ResourceSearchBody,
  action: ActionSearchBody,
}

export const searchParts = (kind: SearchKind) => ({
  summary: `AuthZEN ${kind} search`,
  body: describedAs(searchBodies[kind]),
  answer: kind === 'action' ? ActionSearchResponse : EntitySearchResponse,
})

export const evaluationParts = {
  summary: 'AuthZEN access evaluation',
  body: describedAs(EvaluationRequest),
  answer: EvaluationResponse,
}

export const evaluationsParts = {
  summary: 'AuthZEN access evaluations: many questions, answered by one version of the policies',
  body: describedAs(EvaluationsBody),
  answer: z.union([EvaluationsResponse, EvaluationResponse]),
}

export const decisionEndpoints = ({ point, tokens }: DecisionDeps): readonly Endpoint<never>[] => {
  const search =
    (kind: SearchKind) =>
    ({ body }: { readonly body: unknown }) =>
      answerSearch(point, kind, body, tokens)
  return [
    endpoint({
      ...COMMON,
      ...evaluationParts,
      path: '/access/v1/evaluation',
      name: 'decision.evaluate',
      act: ({ body }) => answerEvaluation(point, body),
    }),
    endpoint({
      ...COMMON,
      ...evaluationsParts,
      path: '/access/v1/evaluations',
      name: 'decision.evaluations',
      act: ({ body }) => answerEvaluations(point, body),
    }),
    endpoint({
      ...COMMON,
      ...searchParts('subject'),
      path: '/access/v1/search/subject',
      name: 'decision.search.subject',
      act: search('subject'),
    }),
    endpoint({
      ...COMMON,
      ...searchParts('resource'),
      path: '/access/v1/search/resource',
      name: 'decision.search.resource',
      act: search('resource'),
    }),
    endpoint({
      ...COMMON,
      ...searchParts('action'),
      path: '/access/v1/search/action',
      name: 'decision.search.action',
      act: search('action'),
    }),
  ]
}
