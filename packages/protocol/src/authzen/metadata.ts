/** PDP metadata: what a decision point offers and where. */
import { refused } from '@credence/kit'
import { z } from 'zod'

export const WELL_KNOWN = '/.well-known/authzen-configuration'

export const PdpMetadata = z.object({
  policy_decision_point: z.string(),
  access_evaluation_endpoint: z.string(),
  access_evaluations_endpoint: z.string().optional(),
  search_subject_endpoint: z.string().optional(),
  search_resource_endpoint: z.string().optional(),
  search_action_endpoint: z.string().optional(),
  capabilities: z.array(z.string()).optional(),
  supported_obligations: z.array(z.string()).optional(),
  signed_metadata: z.string().optional(),
})
export type PdpMetadata = z.infer<typeof PdpMetadata>

const plain = (path: string): string => (path === '/' ? '' : path.replace(/\/$/, ''))

/**
 * > a URL formed by inserting a well-known URI string between the host component and the path and/or query components
 */
export const metadataUrl = (decisionPoint: string): string => {
  const { origin, pathname } = new URL(decisionPoint)
  return `${origin}${WELL_KNOWN}${plain(pathname)}`
}

/** The endpoints of a decision point at their default paths. */
export const createPdpMetadata = (decisionPoint: string): PdpMetadata => ({
  policy_decision_point: decisionPoint,
  access_evaluation_endpoint: `${decisionPoint}/access/v1/evaluation`,
  access_evaluations_endpoint: `${decisionPoint}/access/v1/evaluations`,
  search_subject_endpoint: `${decisionPoint}/access/v1/search/subject`,
  search_resource_endpoint: `${decisionPoint}/access/v1/search/resource`,
  search_action_endpoint: `${decisionPoint}/access/v1/search/action`,
})

const wrong = (message: string, detail?: string) =>
  refused('authzen_metadata_refused', message, { status: 502, ...(detail === undefined ? {} : { detail }) })

/**
 * > The `policy_decision_point` value returned MUST be identical to the Policy Decision Point identifier value into
 * > which the well-known URI string was inserted [...] If these values are not identical, the data contained in the
 * > response MUST NOT be used.
 */
export const parsePdpMetadata = (body: unknown, decisionPoint: string): PdpMetadata => {
  const parsed = PdpMetadata.safeParse(body)
  if (!parsed.success) throw wrong('The metadata of the decision point cannot be read.', parsed.error.message)
  if (parsed.data.policy_decision_point !== decisionPoint)
    throw wrong('The metadata belongs to another decision point.', parsed.data.policy_decision_point)
  return parsed.data
}
