/** The domain's own decision point: the policies in force, the registry, the grants. */
import {
  type AuthZenOptions,
  decideAuthZen,
  type PolicyDecider,
  type PolicySnapshot,
  type ShadowCheck,
  shadowed,
  type VerifiedFacts,
} from '@credence/policy'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import type { TaskMarker } from '@credence/sync'
import { type CandidateDeps, domainCandidates } from './candidates.ts'
import { type GrantCore, grantFacts } from './facts.ts'
import { mappedTool } from './mapped-tool.ts'
import type { DecisionPoint, Pinned } from './point.ts'

export interface DomainPointDeps extends CandidateDeps {
  readonly decider: Pick<PolicyDecider, 'snapshot'>
  readonly view: AuthZenOptions['registry']
  readonly core: CandidateDeps['core'] & GrantCore
  /** Absent: every task counts as one that has read what strangers wrote. */
  readonly tasks?: Pick<TaskMarker, 'untrusted'>
  readonly onError?: (error: unknown) => void
  /** Asks cedar-wasm about a sample of the same questions. */
  readonly shadow?: Pick<ShadowCheck, 'observe'> | undefined
}

/** Each candidate may cost a look-up of its grants. */
const SCAN = 500

/** Administration needs no grant, and neither do types of the folder's own schema. */
const needsGrant = ({ resource }: EvaluationRequest): boolean => resource.type === 'tool' || resource.type === 'server'

/** Made once for each version. */
const observing = (shadow: DomainPointDeps['shadow']) => {
  const made = new WeakMap<PolicySnapshot, PolicySnapshot>()
  return (snapshot: PolicySnapshot): PolicySnapshot => {
    if (shadow === undefined) return snapshot
    const before = made.get(snapshot) ?? shadowed(snapshot, shadow)
    made.set(snapshot, before)
    return before
  }
}

export const domainPoint = (deps: DomainPointDeps): DecisionPoint => {
  const observed = observing(deps.shadow)
  return { identifier: deps.issuer, scan: SCAN, pin: () => pin(observed(deps.decider.snapshot), deps) }
}

const pin = (snapshot: PolicySnapshot, deps: DomainPointDeps): Pinned => {
  const registry = deps.registry()
  const facts = grantFacts(deps.core, {
    isAgent: (id) => deps.view.agent(id) !== undefined,
    untrusted: deps.tasks?.untrusted,
  })
  const common: AuthZenOptions = {
    snapshot,
    registry: deps.view,
    issuer: deps.issuer,
    clock: deps.core.clock,
    ...(deps.onError === undefined ? {} : { onError: deps.onError }),
  }
  const answerWith = async (request: EvaluationRequest, verified: VerifiedFacts) => {
    const tool = mappedTool(registry, request)
    const own = await decideAuthZen(request, { ...common, verified: () => verified })
    if (tool === undefined) return own
    const { alsoMapped } = await import('./mapped-evaluation.ts')
    return alsoMapped(own, tool, request, verified, common)
  }
  const evaluate = (request: EvaluationRequest) =>
    mappedTool(registry, request) === undefined
      ? decideAuthZen(request, { ...common, verified: facts.named })
      : facts.named(request).then((verified) => answerWith(request, verified))
  return {
    evaluate,
    candidates: (search) => domainCandidates(search, snapshot, deps),
    permits: async (request) => {
      if (!needsGrant(request)) return evaluate(request)
      for (const one of await facts.held(request)) {
        const answer = await answerWith(request, one)
        if (answer.decision) return answer
      }
      return undefined
    },
  }
}
