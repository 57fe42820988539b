/** AuthZEN 1.0 evaluation, as one more endpoint behind the same door. */
import { grantCovers } from '@credence/model'
import {
  type AuthZenOptions,
  evaluateAuthZen,
  type PolicyDecider,
  toolOfRequest,
  type VerifiedFacts,
} from '@credence/policy'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import { z } from 'zod'
import { type Endpoint, endpoint } from '../admin/endpoint.ts'
import { findGrant, type Grant } from '../grants/grants.ts'

export interface EvaluationDeps {
  readonly issuer: string
  readonly decider: PolicyDecider
  readonly view: AuthZenOptions['registry']
  readonly core: Parameters<typeof findGrant>[0]
}

const PROOFS = ['dpop', 'mtls', 'none'] as const

/** How the caller proved its key to the enforcement point, which alone can know; without a word, not at all. */
const proofOf = (said: unknown): NonNullable<VerifiedFacts['proof']> => PROOFS.find((one) => one === said) ?? 'none'

const covers = (grant: Grant, { resource, action }: EvaluationRequest): boolean => {
  const [server, name] = resource.type === 'tool' ? (toolOfRequest(resource) ?? []) : [resource.id, '']
  if (server === undefined || name === undefined) return false
  return grantCovers(grant.authorizationDetails, { resource: server, method: action.name, name })
}

/**
 * The enforcement point names the grant behind the call (`context.grant`); what it allows, to which agent and for whom
 * is read here. A grant of another agent, one that was withdrawn and one that has expired allow nothing.
 */
const verifiedBy =
  ({ core }: EvaluationDeps) =>
  async (request: EvaluationRequest): Promise<VerifiedFacts> => {
    const { grant: named, proof } = request.context ?? {}
    if (typeof named !== 'string' || request.subject.type !== 'agent') return {}
    const grant = await findGrant(core, named)
    if (grant === undefined || grant.status !== 'active' || grant.agent !== request.subject.id) return {}
    const { subject, scope, client } = grant
    return { subject, scopes: scope, client, proof: proofOf(proof), granted: covers(grant, request) }
  }

export const evaluationEndpoint = (deps: EvaluationDeps): Endpoint<never> =>
  endpoint({
    method: 'POST',
    path: '/access/v1/evaluation',
    name: 'decision.evaluate',
    access: 'decide',
    consequential: false,
    operation: 'decision.evaluate',
    summary: 'AuthZEN access evaluation',
    body: z.looseObject({}),
    act: ({ body }) =>
      evaluateAuthZen(body, {
        snapshot: deps.decider.snapshot,
        registry: deps.view,
        issuer: deps.issuer,
        verified: verifiedBy(deps),
      }),
  })
