/** An agent policy set of any size, the entities that it is about, and requests of which about half are allowed. */

import type { PolicySource } from '@credence/policy'
import { CedarEntity, CedarRecord, CedarSet, type CedarValue, shapeOf, Uid } from '@credence/policy/embedded'

/** How many policies one request meets for its agent, its team, its tool, its server and for everybody. */
interface Density {
  readonly agent: number
  readonly team: number
  readonly tool: number
  readonly server: number
  readonly everybody: number
}

const densityOf = (policies: number): Density => {
  if (policies >= 10_000) return { agent: 4, team: 12, tool: 7, server: 12, everybody: 22 }
  if (policies >= 1000) return { agent: 2, team: 5, tool: 3, server: 5, everybody: 8 }
  if (policies >= 100) return { agent: 1, team: 2, tool: 1, server: 2, everybody: 4 }
  return { agent: 1, team: 1, tool: 1, server: 1, everybody: 2 }
}

/** One policy as others are given it: to whom, on what, under which condition. */
export interface Rule {
  readonly id: string
  readonly forbid: boolean
  /** `Agent::"x"` alone, all below `Owner::"x"`, every agent, or anybody. */
  readonly principal: string
  readonly resource: string
  /** Which condition of `conditions.ts`, made for this number. */
  readonly n: number
}

export interface World {
  readonly source: PolicySource
  readonly rules: readonly Rule[]
  readonly counts: { readonly agents: number; readonly teams: number; readonly tools: number; readonly servers: number }
}

const SHARES = { agent: 0.4, team: 0.2, tool: 0.24 }
const CALL = 'action == Action::"tools/call"'

/** Conditions as people write them; `n` makes each policy its own. */
const CONDITIONS: readonly ((n: number) => string)[] = [
  () => 'context.granted && context.proof != "none"',
  (n) => `context has arguments && context.arguments has amount && context.arguments.amount <= ${(n * 37) % 400}`,
  (n) => `context.scopes.contains("s${n % 7}") && principal has status && principal.status == "active"`,
  (n) =>
    `resource.registered && resource has effect && ["read", "write"].contains(resource.effect) && context.depth < ${(n % 3) + 1}`,
  (n) => `context.client like "https://*.team${n % 50}.example/*"`,
  (n) => `resource.name like "tool_${n % 10}*" && !context.consequential`,
]
const FORBIDS: readonly ((n: number) => string)[] = [
  (n) => `context.depth > ${6 + (n % 3)}`,
  (n) => `context.proof == "none" && context.consequential && context.depth > ${n % 4}`,
  (n) => `context has arguments && context.arguments has amount && context.arguments.amount > ${2000 + n}`,
]

const condition = (n: number, forbid: boolean): string => {
  const forms = forbid ? FORBIDS : CONDITIONS
  return (forms[n % forms.length] as (n: number) => string)(n)
}

const policy = ({ id, n, forbid, principal, resource }: Rule): string =>
  `@id("${id}") ${forbid ? 'forbid' : 'permit'} (${principal}, ${CALL}, ${resource}) when { ${condition(n, forbid)} };`

/** Half of the amounts that requests name are beyond it. */
const LIMIT =
  '@id("limit") forbid (principal, action, resource is Tool) when { context has arguments && context.arguments has amount && context.arguments.amount > 500 };'

const toolId = (server: number, tool: number): string => JSON.stringify([`https://s${server}.example`, `tool_${tool}`])

/** `changed` makes one policy another one, and leaves the rest. */
export const policyWorld = (policies: number, changed = 0): World => {
  const density = densityOf(policies)
  const rules: Rule[] = []
  const add = (id: string, n: number, principal: string, resource: string): void => {
    rules.push({ id, n, forbid: n % 5 === 4, principal, resource })
  }
  for (let n = 0; rules.length + 1 < Math.min(density.everybody, policies); n++) {
    add(`all-${n}`, n, 'principal is Agent', 'resource is Tool')
  }
  const left = policies - rules.length - 1
  const sizes = {
    agent: Math.floor(left * SHARES.agent),
    team: Math.floor(left * SHARES.team),
    tool: Math.floor(left * SHARES.tool),
  }
  const serverSize = left - sizes.agent - sizes.team - sizes.tool
  const counts = {
    agents: Math.max(1, Math.round(sizes.agent / density.agent)),
    teams: Math.max(1, Math.round(sizes.team / density.team)),
    tools: Math.max(1, Math.round(sizes.tool / density.tool)),
    servers: Math.max(1, Math.round(serverSize / density.server)),
  }
  const some = (size: number, count: number, name: string, scope: (n: number) => readonly [string, string]): void => {
    for (let n = 0; n < size; n++) add(`${name}-${n}`, n * 7 + Math.floor(n / count), ...scope(n % count))
  }
  some(sizes.agent, counts.agents, 'agent', (n) => [`principal == Agent::"agt_${n}"`, 'resource is Tool'])
  some(sizes.team, counts.teams, 'team', (n) => [`principal in Owner::"own_${n}"`, 'resource is Tool'])
  const uid = (n: number) => `Tool::${JSON.stringify(toolId(n % counts.servers, n))}`
  some(sizes.tool, counts.tools, 'tool', (n) => ['principal is Agent', `resource == ${uid(n)}`])
  some(serverSize, counts.servers, 'server', (n) => ['principal', `resource in Server::"https://s${n}.example"`])
  if (changed > 0) rules[0] = { ...(rules[0] as Rule), id: 'changed', n: changed, forbid: changed % 5 === 4 }
  const texts = [LIMIT, ...rules.map(policy), `// ${changed}`]
  const files = [{ name: 'bench.cedar', text: texts.join('\n') }]
  const schema = { name: 'schema.cedarschema', text: 'type Arguments = { amount?: Long, to?: String };' }
  return { source: { files, schema }, rules, counts }
}

export interface Store {
  readonly agents: ReadonlyMap<string, CedarEntity>
  readonly tools: ReadonlyMap<string, CedarEntity>
  readonly all: ReadonlyMap<string, CedarEntity>
}

export const openStore = ({ counts }: World): Store => {
  const all = new Map<string, CedarEntity>()
  const add = (type: string, id: string, attrs: Readonly<Record<string, CedarValue>>, parents: readonly Uid[] = []) => {
    const entity = new CedarEntity(
      { uid: new Uid(type, id), attrs: CedarRecord.of(Object.entries(attrs)), parents },
      all,
    )
    all.set(entity.uid.key, entity)
    return entity
  }
  const agents = new Map<string, CedarEntity>()
  for (let n = 0; n < counts.agents; n++) {
    const team = new Uid('Owner', `own_${n % counts.teams}`)
    agents.set(`agt_${n}`, add('Agent', `agt_${n}`, { role: 'agent', status: 'active', owner: team }, [team]))
  }
  const tools = new Map<string, CedarEntity>()
  for (let n = 0; n < counts.tools; n++) {
    const server = new Uid('Server', `https://s${n % counts.servers}.example`)
    const attrs = {
      name: `tool_${n}`,
      server,
      registered: true,
      publicData: false,
      untrusted: false,
      effect: n % 2 === 0 ? 'read' : 'pay',
    }
    tools.set(toolId(n % counts.servers, n), add('Tool', toolId(n % counts.servers, n), attrs, [server]))
  }
  for (let n = 0; n < counts.servers; n++) add('Server', `https://s${n}.example`, { name: `s${n}`, registered: true })
  return { agents, tools, all }
}

/** What an enforcement point has in its hands: names and facts, no entities. */
export interface Request {
  readonly agent: string
  readonly tool: string
  readonly amount: number
  readonly client: string
  readonly depth: number
  readonly scopes: readonly string[]
  readonly granted: boolean
}

export const requestsOf = (world: World, { agents, tools }: Store, count: number): Request[] => {
  const names = [...agents.keys()]
  const toolNames = [...tools.keys()]
  return Array.from({ length: count }, (_, n) => ({
    agent: names[(n * 7919) % names.length] as string,
    tool: toolNames[(n * 104_729) % toolNames.length] as string,
    amount: (n * 613) % 1000,
    client: `https://app${n % 9}.team${(n * 31) % Math.max(1, world.counts.teams)}.example/x`,
    depth: n % 4,
    scopes: [`s${n % 11}`, 'tools'],
    granted: n % 3 !== 0,
  }))
}

const ARGUMENTS = shapeOf(['amount'])
const CONTEXT = shapeOf([
  'arguments',
  'argumentsOmitted',
  'client',
  'consequential',
  'depth',
  'granted',
  'proof',
  'scopes',
  'self',
])

/** In the order of the shape's names. */
export const contextOf = (request: Request): CedarRecord =>
  new CedarRecord(CONTEXT, [
    new CedarRecord(ARGUMENTS, [request.amount]),
    false,
    request.client,
    true,
    request.depth,
    request.granted,
    'dpop',
    new CedarSet(request.scopes),
    false,
  ])
