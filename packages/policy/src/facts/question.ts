/** One operation by one caller as a question to Cedar. docs/policy.md describes the entities. */
import type { Clock } from '@credence/kit'
import { type ActorFacts, type CallerFacts, type Operation, type Party, sameParty } from '@credence/model'
import { CedarEntity, CedarQuestion } from '../compile/entities.ts'
import { CedarRecord, type CedarValue, NO_FIELDS, Uid } from '../compile/values.ts'
import type { AgentView, RegistryView, ServerView, ToolView } from '../registry-view.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import { anyAction, authorityAction } from './actions.ts'

export interface RowsOptions {
  readonly registry: RegistryView
  readonly issuer: string
}

export interface FactsOptions extends RowsOptions {
  readonly clock: Pick<Clock, 'now'>
}

type Fields = readonly (readonly [string, CedarValue | undefined])[]

const given = (field: Fields[number]): field is readonly [string, CedarValue] => field[1] !== undefined
const record = (fields: Fields): CedarRecord => CedarRecord.of(fields.filter(given))

const entity = (uid: Uid, attrs: CedarRecord, parents: readonly Uid[] = []): CedarEntity =>
  new CedarEntity({ uid, attrs, parents })

export const AUTHORITY: CedarEntity = entity(new Uid('Authority', 'authority'), NO_FIELDS)

/** `#`: no issuer holds a fragment (RFC 8414 section 2), so two parties never share a name. */
export const personUid = (party: Party, issuer: string): Uid =>
  new Uid('Person', party.iss === issuer ? party.sub : `${party.iss}#${party.sub}`)

export const personEntity = (party: Party, { registry, issuer }: RowsOptions): CedarEntity => {
  const known = registry.person?.(party)
  const owners = (known?.owners ?? []).map((id) => new Uid('Owner', id))
  return entity(personUid(party, issuer), record([['role', known?.role ?? 'unknown']]), owners)
}

interface Remembered<Row> {
  /** A copy of what the entity was made of. */
  readonly seen: Row
  readonly entity: CedarEntity
}

interface Memory<Row> {
  readonly copy: (row: Row) => Row
  readonly same: (a: Row, b: Row) => boolean
  readonly make: (row: Row) => CedarEntity
}

/**
 * One entity for one row, so that what a program found out about it is found out once. INVARIANT: a row that says
 * something else than it did, changed or used again by whoever keeps it, is another entity.
 */
const remembering = <Row extends object>({ copy, same, make }: Memory<Row>): ((row: Row) => CedarEntity) => {
  const made = new WeakMap<Row, Remembered<Row>>()
  return (row) => {
    const before = made.get(row)
    if (before !== undefined && same(before.seen, row)) return before.entity
    const seen = copy(row)
    const now = make(seen)
    made.set(row, { seen, entity: now })
    return now
  }
}

const NO_NAMES: readonly string[] = []

const agentOf = (id: string, known: AgentView | undefined): CedarEntity => {
  const owner = known?.owner === undefined ? undefined : new Uid('Owner', known.owner)
  const attrs = record([
    ['role', known?.role ?? 'agent'],
    ['status', known?.status ?? 'unknown'],
    ['owner', owner],
  ])
  const groups = (known?.groups ?? []).map((group) => new Uid('Group', group))
  return entity(new Uid('Agent', id), attrs, owner === undefined ? groups : [owner, ...groups])
}

const sameNames = (a: readonly string[] = NO_NAMES, b: readonly string[] = NO_NAMES): boolean =>
  a.length === b.length && a.every((name, index) => name === b[index])

const knownAgent = remembering<AgentView>({
  copy: ({ id, status, role, owner, groups }) => ({
    id,
    status,
    role,
    ...(owner === undefined ? {} : { owner }),
    ...(groups === undefined ? {} : { groups: [...groups] }),
  }),
  same: (a, b) =>
    a.id === b.id && a.status === b.status && a.role === b.role && a.owner === b.owner && sameNames(a.groups, b.groups),
  make: (row) => agentOf(row.id, row),
})

export const agentEntity = (id: string, registry: RegistryView): CedarEntity => {
  const known = registry.agent(id)
  return known?.id === id ? knownAgent(known) : agentOf(id, known)
}

export const clientEntity = (id: string): CedarEntity => entity(new Uid('Client', id), NO_FIELDS)

const serverOf = (resource: string, known: ServerView | undefined): CedarEntity => {
  const attrs = record([
    ['name', known?.name ?? ''],
    ['registered', known !== undefined],
  ])
  return entity(new Uid('Server', resource), attrs)
}

const knownServer = remembering<ServerView>({
  copy: ({ resource, name }) => ({ resource, name }),
  same: (a, b) => a.resource === b.resource && a.name === b.name,
  make: (row) => serverOf(row.resource, row),
})

export const serverEntity = (resource: string, registry: RegistryView): CedarEntity => {
  const known = registry.server(resource)
  return known?.resource === resource ? knownServer(known) : serverOf(resource, known)
}

const toolOf = (server: Uid, name: string, known: ToolView | undefined): CedarEntity => {
  const attrs = record([
    ['name', name],
    ['server', server],
    ['registered', known !== undefined],
    ['publicData', known?.publicData === true],
    ['effect', known?.effect],
    ['dataClass', known?.dataClass],
    ['reversible', known?.reversible],
    ['definition', known?.definitionHash],
    ['untrusted', known?.untrusted === true],
  ])
  return entity(new Uid('Tool', JSON.stringify([server.id, name])), attrs, [server])
}

/** Names of tools come from outside; what is remembered for one server is bounded. */
const TOOLS_AT_MOST = 1024
const toolsOf = new WeakMap<Uid, Map<string, Remembered<ToolView>>>()

const sameTool = (a: ToolView, b: ToolView): boolean =>
  a.effect === b.effect &&
  a.publicData === b.publicData &&
  a.dataClass === b.dataClass &&
  a.reversible === b.reversible &&
  a.untrusted === b.untrusted &&
  a.definitionHash === b.definitionHash

const copyOfTool = ({
  name,
  effect,
  publicData,
  dataClass,
  reversible,
  untrusted,
  definitionHash,
}: ToolView): ToolView => ({
  name,
  ...(effect === undefined ? {} : { effect }),
  ...(publicData === undefined ? {} : { publicData }),
  ...(dataClass === undefined ? {} : { dataClass }),
  ...(reversible === undefined ? {} : { reversible }),
  ...(untrusted === undefined ? {} : { untrusted }),
  ...(definitionHash === undefined ? {} : { definitionHash }),
})

/** `server`: of `serverEntity`, so that a server that is registered is asked about with one and the same. */
export const toolEntity = (server: Uid, name: string, registry: RegistryView): CedarEntity => {
  const row = registry.tool(server.id, name)
  if (row === undefined) return toolOf(server, name, undefined)
  const tools = toolsOf.get(server) ?? new Map<string, Remembered<ToolView>>()
  const before = tools.get(name)
  if (before !== undefined && sameTool(before.seen, row)) return before.entity
  const made = toolOf(server, name, row)
  if (tools.size >= TOOLS_AT_MOST) tools.clear()
  tools.set(name, { seen: copyOfTool(row), entity: made })
  toolsOf.set(server, tools)
  return made
}

export const isAuthority = (resource: string, issuer: string): boolean =>
  resource === 'authority' || resource === issuer || resource === `${issuer}/v1`

const isUrl = (text: string): boolean => text.startsWith('https://') || text.startsWith('http://')

/**
 * Who acts. A person is the principal only when no software stands between: no actor, no token, no client's document.
 * Otherwise an unregistered client could pass for the person who uses it.
 */
const principalEntity = (caller: CallerFacts, options: FactsOptions): CedarEntity => {
  const actor = caller.actors[0]
  if (actor?.agent !== undefined) return agentEntity(actor.agent, options.registry)
  if (actor !== undefined) return clientEntity(`${actor.party.iss}#${actor.party.sub}`)
  const direct = caller.tokenId === undefined && caller.tokenHash === undefined
  const ownPages = !isUrl(caller.clientId) || caller.clientId === options.issuer
  return direct && ownPages ? personEntity(caller.subject, options) : clientEntity(caller.clientId)
}

export const actsForItself = (caller: CallerFacts, actor: ActorFacts | undefined = caller.actors[0]): boolean =>
  actor === undefined ? caller.subject.sub === caller.clientId : sameParty(caller.subject, actor.party)

export interface Granted {
  /** The verified grant covers the operation. */
  readonly granted: boolean
  /** The target of an operation on the authority is the caller's own. */
  readonly own: boolean
  /** Its task has read what strangers wrote. */
  readonly untrusted: boolean
}

const TOOL_METHOD = 'tools/call'

const resourceEntities = (operation: Operation, registry: RegistryView): readonly [CedarEntity, ...CedarEntity[]] => {
  const server = serverEntity(operation.resource, registry)
  return operation.method === TOOL_METHOD ? [toolEntity(server.uid, operation.name, registry), server] : [server]
}

export interface Question {
  readonly question: CedarQuestion
  readonly authority: boolean
}

export const questionOf = (
  operation: Operation,
  caller: CallerFacts,
  granted: Granted,
  snapshot: PolicySnapshot,
  options: FactsOptions,
): Question => {
  const authority = isAuthority(operation.resource, options.issuer)
  const action = authority ? authorityAction(operation.method) : anyAction(snapshot.actions, operation.method)
  const principal = principalEntity(caller, options)
  const resources = authority ? ([AUTHORITY] as const) : resourceEntities(operation, options.registry)
  const self = actsForItself(caller, caller.actors[0])
  const subject = self ? undefined : personEntity(caller.subject, options)
  const entities = new Map<string, CedarEntity>()
  for (const one of [principal, action, ...resources]) entities.set(one.uid.key, one)
  if (subject !== undefined) entities.set(subject.uid.key, subject)
  const { contexts } = snapshot
  const context = authority
    ? contexts.authority(
        granted.own,
        operation,
        caller,
        subject?.uid,
        granted.granted,
        options.clock,
        granted.untrusted,
      )
    : contexts.call(
        snapshot.readArguments(operation.arguments),
        operation,
        caller,
        subject?.uid,
        granted.granted,
        options.clock,
        granted.untrusted,
      )
  const asked = { principal: principal.uid, action: action.uid, resource: resources[0].uid }
  const known = { principal, action, resource: resources[0] }
  return { authority, question: new CedarQuestion(asked, context, entities, known) }
}
