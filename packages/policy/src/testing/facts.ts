/** A small domain for tests: one agent, one operator, one person, two servers. */

import type { Id, Random } from '@credence/kit'
import {
  type CallerFacts,
  isConsequential,
  type JsonValue,
  type Operation,
  type Party,
  type ToolLabels,
} from '@credence/model'
import type { RegistryView } from '../registry-view.ts'

export const ISSUER = 'https://credence.test'
export const FILES = 'https://gateway.test/mcp/files'

const id = <Prefix extends string>(prefix: Prefix, name: string): Id<Prefix> =>
  `${prefix}_${name.padEnd(22, 'A')}` as Id<Prefix>

export const AGENT = id('agt', 'agent')
export const OPERATOR = id('agt', 'operator')
export const NODE = id('agt', 'node')
export const SUSPENDED = id('agt', 'suspended')
export const OWNER = id('own', 'team')

const spiffe = (agent: string): Party => ({ iss: ISSUER, sub: `spiffe://credence.test/agent/${agent}` })
export const ALICE: Party = { iss: ISSUER, sub: id('usr', 'alice') }
export const BOB: Party = { iss: ISSUER, sub: id('usr', 'bob') }

export const registry: RegistryView = {
  agent: (agent) => {
    if (agent === AGENT) return { id: agent, status: 'active', role: 'agent', owner: OWNER }
    if (agent === OPERATOR) return { id: agent, status: 'active', role: 'operator' }
    if (agent === NODE) return { id: agent, status: 'active', role: 'node' }
    return agent === SUSPENDED ? { id: agent, status: 'suspended', role: 'operator' } : undefined
  },
  server: (resource) => (resource === FILES ? { resource, name: 'files' } : undefined),
  tool: (resource, name) =>
    resource !== FILES
      ? undefined
      : name === 'weather'
        ? { name, effect: 'read', publicData: true }
        : { name, effect: 'write' },
  person: ({ sub }) => (sub === ALICE.sub ? { role: 'owner', owners: [OWNER] } : { role: 'member', owners: [] }),
}

/** A Wednesday. */
export const NOW = Date.UTC(2026, 0, 7, 12)
export const clock = { now: (): number => NOW }

let counter = 0
export const random: Random = {
  bytes: (length) => Uint8Array.from({ length }, (_, index) => (index % 16 === 0 ? counter++ : index) & 255),
}

export const operation = (
  facts: Partial<Operation> & { readonly labels?: ToolLabels; readonly arguments?: JsonValue } = {},
): Operation => {
  const labels = facts.labels ?? {}
  return {
    id: id('opn', 'operation'),
    domain: id('dom', 'domain'),
    subject: ALICE,
    actors: [],
    resource: FILES,
    method: 'tools/call',
    name: 'read_file',
    arguments: {},
    labels,
    consequential: isConsequential(labels),
    op: 'hash',
    ...facts,
  }
}

export const caller = (facts: Partial<CallerFacts> = {}): CallerFacts => ({
  domain: id('dom', 'domain'),
  subject: ALICE,
  actors: [{ party: spiffe(AGENT), agent: AGENT }],
  clientId: AGENT,
  audience: FILES,
  scope: [],
  authorizationDetails: [{ type: 'mcp_tools', locations: [FILES], tools: ['read_file', 'weather'] }],
  proof: 'dpop',
  tokenId: id('jti', 'token'),
  feed: 1,
  issuedAt: 0,
  expiresAt: 300,
  ...facts,
})

/** An agent that acts for itself. */
export const alone = (agent: typeof AGENT, scope: readonly string[], facts: Partial<CallerFacts> = {}): CallerFacts =>
  caller({
    subject: spiffe(agent),
    actors: [{ party: spiffe(agent), agent }],
    clientId: agent,
    scope,
    authorizationDetails: [],
    ...facts,
  })

/** A person at the pages of the authority, with no software between. */
export const atThePages = (person: Party): CallerFacts => {
  const { tokenId: _none, ...rest } = caller({
    subject: person,
    actors: [],
    clientId: ISSUER,
    proof: 'none',
    authorizationDetails: [],
  })
  return rest
}
