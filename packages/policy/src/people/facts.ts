/**
 * Facts as people write them down, and the operation, caller and registry that they describe. From there on everything
 * is what the running gateway does.
 *
 * INVARIANT: nothing here makes an entity or a context; `questionOf` does, for these facts as for those of a live call.
 */
import {
  type ActorFacts,
  type AuthorizationDetails,
  type CallerFacts,
  type DomainId,
  isConsequential,
  type JsonValue,
  type Operation,
  type OperationId,
  type Party,
  type ProofMethod,
  type ToolLabels,
} from '@credence/model'
import type { AgentView, PersonView, RegistryView, ServerView, ToolView } from '../registry-view.ts'

export interface AgentSaid {
  readonly id: string
  readonly role?: AgentView['role']
  /** `unknown`: no such agent is registered. */
  readonly status?: AgentView['status'] | 'unknown'
  readonly owner?: string
  readonly groups?: readonly string[]
}

export interface PersonSaid {
  readonly id: string
  /** Of another domain; default our own. */
  readonly issuer?: string
  /** `unknown`: we know nothing of this person. */
  readonly role?: PersonView['role'] | 'unknown'
  /** Owners (teams) that the person belongs to. */
  readonly owners?: readonly string[]
}

export interface ToolSaid extends ToolLabels {
  readonly name: string
  /** Hash of the pinned definition. */
  readonly definition?: string
}

export interface ServerSaid {
  readonly resource: string
  readonly name?: string
  readonly registered?: boolean
}

export interface GrantSaid {
  readonly server: string
  readonly tools: readonly string[]
}

export interface Facts {
  readonly issuer?: string
  /** Who acts. Without agent and client it is the person, at the pages of the authority. */
  readonly agent?: AgentSaid
  /** Agents behind it in the chain, nearest first. */
  readonly via?: readonly string[]
  /** Software that is not registered as an agent, or the client of a token where it is not the agent itself. */
  readonly client?: string
  /** Whose authority is used. Without: the agent acts for itself. */
  readonly person?: PersonSaid
  /** What the person allowed. */
  readonly grant?: readonly GrantSaid[]
  readonly server: ServerSaid
  readonly tool?: ToolSaid
  /** Default `tools/call`, where there is a tool. */
  readonly method: string
  /** What a method other than `tools/call` is applied to. */
  readonly target?: string
  readonly arguments?: JsonValue
  readonly scopes?: readonly string[]
  readonly proof?: ProofMethod
  /** On the authority: the target is the caller's own. */
  readonly own?: boolean
  /** The task has read what strangers wrote. */
  readonly untrusted?: boolean
  /** When it is decided, in epoch milliseconds. Default `FACTS_NOW`. */
  readonly now?: number
  /** Until when the token carries the grant, in epoch milliseconds. Default five minutes later. */
  readonly until?: number
  /** The running copy of the agent that its token names. */
  readonly instance?: string
}

export const FACTS_ISSUER = 'https://credence.example'
/** A Wednesday at noon: what an expectation file says is the same tomorrow. */
export const FACTS_NOW: number = Date.UTC(2026, 0, 7, 12)
export const TOOL_METHOD = 'tools/call'

/** What the decider is asked, and what it may look up. */
export interface Scene {
  readonly issuer: string
  /** When it is decided. */
  readonly now: number
  /** The task has read what strangers wrote. */
  readonly untrusted: boolean
  readonly operation: Operation
  readonly caller: CallerFacts
  readonly registry: RegistryView
  readonly owns: () => boolean
}

const DOMAIN = 'dom_facts' as DomainId

const agentParty = (id: string, issuer: string): Party => ({ iss: issuer, sub: `agent:${id}` })
const actorOf = (id: string, issuer: string, instance?: string): ActorFacts => ({
  party: agentParty(id, issuer),
  agent: id as NonNullable<ActorFacts['agent']>,
  ...(instance === undefined ? {} : { instance: instance as NonNullable<ActorFacts['instance']> }),
})

const LIFE_MS = 300_000

/** What the token says of the grant. */
const grantOf = ({ person, grant, until, now = FACTS_NOW }: Facts): Partial<CallerFacts> =>
  person === undefined || grant === undefined
    ? {}
    : {
        grant: 'grt_facts' as NonNullable<CallerFacts['grant']>,
        expiresAt: Math.floor((until ?? now + LIFE_MS) / 1000),
      }

const detailsOf = (grant: Facts['grant']): AuthorizationDetails =>
  (grant ?? []).map(({ server, tools }) => ({
    type: 'mcp_tools',
    locations: [server],
    tools: [...new Set(tools)].sort(),
  }))

const subjectOf = ({ person, agent, client }: Facts, issuer: string): Party => {
  if (person !== undefined) return { iss: person.issuer ?? issuer, sub: person.id }
  return agent === undefined ? { iss: issuer, sub: client ?? '' } : agentParty(agent.id, issuer)
}

const callerOf = (facts: Facts, issuer: string): CallerFacts => {
  const { agent, via = [], client, person, server } = facts
  const actors =
    agent === undefined ? [] : [actorOf(agent.id, issuer, facts.instance), ...via.map((id) => actorOf(id, issuer))]
  const software = client ?? agent?.id
  return {
    domain: DOMAIN,
    subject: subjectOf(facts, issuer),
    actors,
    clientId: software ?? issuer,
    audience: server.resource,
    scope: facts.scopes ?? [],
    authorizationDetails: person === undefined ? [] : detailsOf(facts.grant),
    proof: facts.proof ?? (software === undefined ? 'none' : 'dpop'),
    ...(software === undefined ? {} : { tokenId: 'jti_facts' }),
    feed: 0,
    issuedAt: 0,
    expiresAt: 0,
    ...grantOf(facts),
  }
}

export const labelsOf = ({ effect, publicData, dataClass, reversible, untrusted }: ToolLabels): ToolLabels => ({
  ...(effect === undefined ? {} : { effect }),
  ...(publicData === undefined ? {} : { publicData }),
  ...(dataClass === undefined ? {} : { dataClass }),
  ...(reversible === undefined ? {} : { reversible }),
  ...(untrusted === undefined ? {} : { untrusted }),
})

const agentView = ({ id, role, status, owner, groups }: AgentSaid): AgentView | undefined =>
  status === 'unknown'
    ? undefined
    : {
        id,
        role: role ?? 'agent',
        status: status ?? 'active',
        ...(owner === undefined ? {} : { owner }),
        ...(groups === undefined ? {} : { groups }),
      }

const personView = ({ role, owners }: PersonSaid): PersonView | undefined =>
  role === 'unknown' ? undefined : { role: role ?? 'member', owners: owners ?? [] }

const toolView = (tool: ToolSaid): ToolView => ({
  name: tool.name,
  ...labelsOf(tool),
  ...(tool.definition === undefined ? {} : { definitionHash: tool.definition }),
})

const registryOf = (facts: Facts, issuer: string): RegistryView => {
  const { agent, server, tool, person } = facts
  const known: ServerView | undefined =
    server.registered === false ? undefined : { resource: server.resource, name: server.name ?? '' }
  return {
    agent: (id) => (agent?.id === id ? agentView(agent) : undefined),
    server: (resource) => (resource === server.resource ? known : undefined),
    tool: (resource, name) =>
      known !== undefined && resource === server.resource && tool?.name === name ? toolView(tool) : undefined,
    person: ({ iss, sub }) =>
      person?.id === sub && (person.issuer ?? issuer) === iss ? personView(person) : undefined,
  }
}

const operationOf = (facts: Facts, caller: CallerFacts): Operation => {
  const labels = labelsOf(facts.tool ?? {})
  return {
    id: 'opn_facts' as OperationId,
    domain: DOMAIN,
    subject: caller.subject,
    actors: caller.actors,
    resource: facts.server.resource,
    method: facts.method,
    name: facts.method === TOOL_METHOD ? (facts.tool?.name ?? '') : (facts.target ?? ''),
    arguments: facts.arguments ?? {},
    labels,
    consequential: isConsequential(labels),
    op: '',
  }
}

export const sceneOf = (facts: Facts): Scene => {
  const issuer = facts.issuer ?? FACTS_ISSUER
  const caller = callerOf(facts, issuer)
  return {
    issuer,
    now: facts.now ?? FACTS_NOW,
    untrusted: facts.untrusted === true,
    caller,
    operation: operationOf(facts, caller),
    registry: registryOf(facts, issuer),
    owns: () => facts.own === true,
  }
}
