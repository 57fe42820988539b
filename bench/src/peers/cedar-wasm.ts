/** cedar-wasm with policies that it parsed beforehand: all in one set, or a set for each resource. */
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import { type CedarEntity, type CedarQuestion, requestJson } from '@credence/policy/embedded'
import type { Rule } from '../servers/policy-world.ts'
import { type Ask, nameIn } from './peer.ts'

export interface CedarPeer {
  /** Texts by id. */
  readonly policies: Readonly<Record<string, string>>
  readonly rules: readonly Rule[]
  readonly questions: readonly CedarQuestion[]
  readonly all: ReadonlyMap<string, CedarEntity>
}

type Call = Parameters<typeof statefulIsAuthorized>[0]

/** Requests are made beforehand: writing them as JSON is not the engine's work. */
const KEPT = 64

const callOf = ({ all }: CedarPeer, question: CedarQuestion, preparsedPolicySetId: string): Call => {
  const { context, principal, action, resource, principalEntity, resourceEntity } = question
  const above = resourceEntity?.parents.map(({ key }) => all.get(key) as CedarEntity) ?? []
  const entities = [principalEntity, resourceEntity, ...above].filter((one) => one !== undefined)
  const asked = requestJson({ principal, action, resource, context, entities: { values: () => entities } })
  return { ...asked, preparsedPolicySetId } as unknown as Call
}

const asking =
  (calls: readonly Call[]): Ask =>
  (index) => {
    const answer = statefulIsAuthorized(calls[index % calls.length] as Call)
    return answer.type === 'success' && answer.response.decision === 'allow'
  }

export const wholeSet = (peer: CedarPeer): Ask => {
  preparsePolicySet('all', { staticPolicies: { ...peer.policies } })
  return asking(peer.questions.slice(0, KEPT).map((question) => callOf(peer, question, 'all')))
}

/** What can never hold on this resource is left out; what names only a principal stays. */
const sliceOf = ({ policies, rules }: CedarPeer, resource: string, server: string | undefined) => {
  const elsewhere = new Set(
    rules.filter(({ resource: scope }) => ![undefined, resource, server].includes(nameIn(scope))).map(({ id }) => id),
  )
  return Object.fromEntries(Object.entries(policies).filter(([id]) => !elsewhere.has(id)))
}

export const slicedByResource = (peer: CedarPeer): Ask => {
  const slices = new Set<string>()
  const calls = peer.questions.slice(0, KEPT).map((question) => {
    const { id } = question.resource
    if (!slices.has(id)) {
      const server = question.resourceEntity?.parents[0]?.id
      preparsePolicySet(id, { staticPolicies: sliceOf(peer, id, server) })
    }
    slices.add(id)
    return callOf(peer, question, id)
  })
  return asking(calls)
}
