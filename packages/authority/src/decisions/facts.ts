/** What stands behind a request of an enforcement point: grants, read from our own rows. */
import { grantCovers } from '@credence/model'
import { toolOfRequest, type VerifiedFacts } from '@credence/policy'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import type { TaskMarker } from '@credence/sync'
import { findGrant, type Grant, grantsOfAgent } from '../grants/grants.ts'

export type GrantCore = Parameters<typeof findGrant>[0]

const PROOFS = ['dpop', 'mtls', 'none'] as const

/** How the caller proved its key to the enforcement point, which alone can know; without a word, not at all. */
const proofOf = (said: unknown): NonNullable<VerifiedFacts['proof']> => PROOFS.find((one) => one === said) ?? 'none'

const covers = (grant: Grant, { resource, action }: EvaluationRequest): boolean => {
  const [server, name] = resource.type === 'tool' ? (toolOfRequest(resource) ?? []) : [resource.id, '']
  if (server === undefined || name === undefined) return false
  return grantCovers(grant.authorizationDetails, { resource: server, method: action.name, name })
}

const toolsAt = ({ authorizationDetails }: Grant, { resource }: EvaluationRequest): readonly string[] => {
  const server = resource.type === 'tool' ? toolOfRequest(resource)?.[0] : resource.id
  return authorizationDetails.flatMap(({ locations, tools }) => (locations[0] === server ? tools : []))
}

const MOST_ACTORS = 16

/**
 * `context.actors`: through whom the call goes, the current actor first, as the enforcement point verified it. Agents of
 * the domain by their ids, others by any name. What is not of this form says nothing.
 */
const actorsOf = ({ subject, context }: EvaluationRequest, isAgent: (id: string) => boolean) => {
  const said: unknown = context?.actors
  if (!Array.isArray(said) || said.length > MOST_ACTORS || said[0] !== subject.id) return {}
  if (!said.every((id): id is string => typeof id === 'string' && id !== '')) return {}
  return { actors: said.map((id) => ({ id, registered: isAgent(id) })) }
}

/** What this node knows beside the rows of grants. */
export interface KnownFacts {
  readonly isAgent: (id: string) => boolean
  /** Absent: nobody keeps marks, so every task counts as one that has read what strangers wrote. */
  readonly untrusted?: TaskMarker['untrusted'] | undefined
}

const factsOf = (grant: Grant, request: EvaluationRequest, { isAgent, untrusted }: KnownFacts): VerifiedFacts => ({
  subject: grant.subject,
  scopes: grant.scope,
  client: grant.client,
  proof: proofOf(request.context?.proof),
  granted: covers(grant, request),
  grant: { id: grant.id, tools: toolsAt(grant, request), until: grant.expires },
  untrusted: untrusted?.({ grant: grant.id, clientId: grant.client }) ?? true,
  ...actorsOf(request, isAgent),
})

export interface GrantFacts {
  /** Of the grant that the request names (`context.grant`). */
  named(request: EvaluationRequest): Promise<VerifiedFacts>
  /** Of every grant that the agent holds, of those that cover the request; of the named one alone, if one is named. */
  held(request: EvaluationRequest): Promise<readonly VerifiedFacts[]>
}

/**
 * The enforcement point names the grant behind the call (`context.grant`); what it allows, to which agent and for whom
 * is read here. A grant of another agent, one that was withdrawn and one that has expired allow nothing.
 * Each grant is read once: a batch about one grant costs one look-up.
 */
export const grantFacts = (core: GrantCore, known: KnownFacts): GrantFacts => {
  const found = new Map<string, Promise<Grant | undefined>>()
  const ofAgent = new Map<string, Promise<readonly Grant[]>>()
  const once = <Value>(kept: Map<string, Promise<Value>>, key: string, read: () => Promise<Value>) => {
    const before = kept.get(key) ?? read()
    kept.set(key, before)
    return before
  }
  const named: GrantFacts['named'] = async (request) => {
    const id = request.context?.grant
    if (request.subject.type !== 'agent') return {}
    if (typeof id !== 'string') return { untrusted: known.untrusted?.({ clientId: request.subject.id }) ?? true }
    const grant = await once(found, id, () => findGrant(core, id))
    const usable = grant !== undefined && grant.status === 'active' && grant.agent === request.subject.id
    return usable ? factsOf(grant, request, known) : {}
  }
  return {
    named,
    held: async (request) => {
      if (request.context?.grant !== undefined) return [await named(request)]
      const { type, id } = request.subject
      if (type !== 'agent') return []
      const grants = await once(ofAgent, id, () => grantsOfAgent(core, id))
      return grants.filter((grant) => covers(grant, request)).map((grant) => factsOf(grant, request, known))
    },
  }
}
