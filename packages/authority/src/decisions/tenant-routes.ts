/** AuthZEN 1.0 of the tenants, below their own paths. */
import { refused } from '@credence/kit'
import { type EdgeRequest, type Route, replyJson } from '@credence/kit/http'
import type { SearchKind } from '@credence/protocol/authzen'
import { type Asked, type Endpoint, endpoint } from '../admin/endpoint.ts'
import { answerEvaluation, answerEvaluations, answerSearch, type Spend } from './answers.ts'
import { evaluationParts, evaluationsParts, searchParts } from './endpoints.ts'
import type { PageTokens } from './page-token.ts'
import type { Tenant } from './tenants.ts'
import { badTypeIsBadRequest } from './wording.ts'

export type Tenants = ReadonlyMap<string, Tenant>

const COMMON = {
  method: 'POST',
  access: 'decide',
  consequential: false,
  operation: 'decision.evaluate',
  errors: 'text',
} as const

type Params = Readonly<Record<string, string>>

export const tenantOf = (tenants: Tenants, params: Params): Tenant => {
  const tenant = tenants.get(params.tenant ?? '')
  if (tenant === undefined) throw refused('not_found', 'There is nothing here.', { status: 404 })
  return tenant
}

type Call = Pick<Asked<unknown>, 'params' | 'body'> & { readonly spend?: Spend }

export const tenantEndpoints = (tenants: Tenants, tokens: PageTokens): readonly Endpoint<never>[] => {
  const search =
    (kind: SearchKind) =>
    ({ params, body, spend }: Call) =>
      answerSearch(tenantOf(tenants, params).point, kind, body, tokens, spend)
  return [
    endpoint({
      ...COMMON,
      ...evaluationParts,
      path: '/:tenant/access/v1/evaluation',
      name: 'tenant.evaluate',
      act: ({ params, body }: Call) => answerEvaluation(tenantOf(tenants, params).point, body),
    }),
    endpoint({
      ...COMMON,
      ...evaluationsParts,
      path: '/:tenant/access/v1/evaluations',
      name: 'tenant.evaluations',
      act: ({ params, body, spend }: Call) => answerEvaluations(tenantOf(tenants, params).point, body, spend),
    }),
    endpoint({
      ...COMMON,
      ...searchParts('subject'),
      path: '/:tenant/access/v1/search/subject',
      name: 'tenant.search.subject',
      act: search('subject'),
    }),
    endpoint({
      ...COMMON,
      ...searchParts('resource'),
      path: '/:tenant/access/v1/search/resource',
      name: 'tenant.search.resource',
      act: search('resource'),
    }),
    endpoint({
      ...COMMON,
      ...searchParts('action'),
      path: '/:tenant/access/v1/search/action',
      name: 'tenant.search.action',
      act: search('action'),
    }),
  ]
}

/** INVARIANT: a tenant that is not open is reached through the door alone; what is open answers without looking at a token, and nobody too often. */
export const tenantRoutes = (
  tenants: Tenants,
  endpoints: readonly Endpoint<never>[],
  guarded: readonly Route[],
): Route[] =>
  guarded.map((route) => {
    const act = endpoints.find(({ name }) => name === route.name)?.act as ((call: Call) => Promise<unknown>) | undefined
    if (act === undefined) throw new TypeError(`No endpoint for ${route.name}`)
    const handler = async (edge: EdgeRequest) => {
      const { open, rate } = tenantOf(tenants, edge.params)
      if (!open) return await route.handler(edge)
      const { address } = edge.client
      rate.admit(address)
      const spend = (questions: number) => rate.spend(address, questions)
      return replyJson(await act({ params: edge.params, body: await edge.json(), spend }))
    }
    return { ...route, handler: badTypeIsBadRequest(handler) }
  })
