/** What a person is shown about one authorization request, and what their answer becomes. */
import { createHash } from 'node:crypto'
import { type Clock, refused } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'
import type { JsonValue, Party, SessionId, ToolLabels } from '@credence/model'
import type { Clients, ClientView, NewGrant, Resources, ResourceTool, ResourceView } from '../ports.ts'
import { narrowed, requestedTools } from './authorization-details.ts'
import { isLoopbackOnly } from './client-metadata.ts'

/** The first is what is chosen when nothing is: the shortest. */
export const DURATIONS = [
  { id: '1h', words: '1 hour', ms: 3_600_000 },
  { id: '8h', words: '8 hours', ms: 8 * 3_600_000 },
  { id: '7d', words: '7 days', ms: 7 * 86_400_000 },
  { id: '30d', words: '30 days', ms: 30 * 86_400_000 },
] as const

export interface ShownTool {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly effect?: NonNullable<ToolLabels['effect']>
  readonly publicData?: boolean
  readonly reversible?: boolean
  readonly untrusted?: boolean
}

export interface ConsentView {
  readonly client: {
    readonly id: string
    readonly name: string
    readonly kind: ClientView['kind']
    readonly owner?: string
    readonly spiffeId?: string
    /** Host of a client-id metadata document. */
    readonly host?: string
  }
  readonly redirectHost: string
  readonly loopbackOnly: boolean
  readonly bearer: boolean
  readonly resource: { readonly id: string; readonly name: string }
  readonly tools: readonly ShownTool[]
  readonly scope: readonly string[]
}

/** The parameters of a request as the library checked and stored them. */
export type RequestParameters = Readonly<Record<string, unknown>>

export interface Asked {
  readonly view: ConsentView
  readonly client: ClientView
  readonly redirectUri: string
}

const shownTool = ({
  name,
  title,
  description,
  labels: { effect, publicData, reversible, untrusted } = {},
}: ResourceTool): ShownTool => ({
  name,
  ...(title === undefined ? {} : { title }),
  ...(description === undefined ? {} : { description }),
  ...(effect === undefined ? {} : { effect }),
  ...(publicData === undefined ? {} : { publicData }),
  ...(reversible === undefined ? {} : { reversible }),
  ...(untrusted === undefined ? {} : { untrusted }),
})

const hostOf = (uri: string): string => {
  const url = URL.parse(uri)
  if (url === null) return uri
  return url.host === '' ? url.protocol : url.host
}

const gone = (what: string) =>
  refused('request_not_answerable', `${what} is no longer known here. Please start again from the agent.`, {
    status: 410,
  })

const shownClient = (client: ClientView): ConsentView['client'] => ({
  id: client.clientId,
  name: client.name,
  kind: client.kind,
  ...(client.owner === undefined ? {} : { owner: client.owner.name }),
  ...(client.spiffeId === undefined ? {} : { spiffeId: client.spiffeId }),
  ...(client.kind === 'cimd' ? { host: hostOf(client.clientId) } : {}),
})

const text = (parameters: RequestParameters, name: string): string | undefined => {
  const value = parameters[name]
  const one = Array.isArray(value) && value.length === 1 ? value[0] : value
  return typeof one === 'string' ? one : undefined
}

const viewOf = (client: ClientView, resource: ResourceView, parameters: RequestParameters): ConsentView => {
  const names = requestedTools(parameters.authorization_details, resource)
  return {
    client: shownClient(client),
    redirectHost: hostOf(text(parameters, 'redirect_uri') ?? ''),
    loopbackOnly: isLoopbackOnly(client.redirectUris),
    bearer: client.bearerResources.includes(resource.resource),
    resource: { id: resource.resource, name: resource.name },
    tools: resource.tools.filter((tool) => names.includes(tool.name)).map(shownTool),
    scope: (text(parameters, 'scope') ?? '').split(' ').filter((scope) => scope !== ''),
  }
}

export const askedFor = async (
  deps: { readonly clients: Clients; readonly resources: Resources },
  parameters: RequestParameters,
): Promise<Asked> => {
  const client = await deps.clients.find(text(parameters, 'client_id') ?? '')
  if (client === undefined || client.status !== 'active') throw gone('The agent')
  const resource = await deps.resources.find(text(parameters, 'resource') ?? '')
  if (resource === undefined) throw gone('The server')
  return { view: viewOf(client, resource, parameters), client, redirectUri: text(parameters, 'redirect_uri') ?? '' }
}

const sha256 = (value: JsonValue): string => createHash('sha256').update(canonicalize(value)).digest('base64url')

/** JSON knows no `undefined`. */
const asJson = (view: ConsentView): JsonValue => JSON.parse(JSON.stringify(view))

export const shownHash = (view: ConsentView): string => sha256(asJson(view))

export interface Answer {
  /** The hash that the answered page carried. */
  readonly shown: string
  readonly tools: readonly string[]
  readonly duration: string
}

export interface Decider {
  readonly subject: Party
  readonly session: SessionId
}

const changed = () =>
  refused('request_changed', 'What was asked for has changed since the page was opened. Please look at it again.', {
    status: 409,
  })

/**
 * A person's yes as a grant.
 * INVARIANT: it holds only what the page showed and what was left chosen; the evidence is the hash of exactly that.
 */
export const grantOfAnswer = (
  asked: Asked,
  answer: Answer,
  by: Decider,
  deps: { readonly clock: Pick<Clock, 'now'> },
): NewGrant => {
  const shown = shownHash(asked.view)
  if (answer.shown !== shown) throw changed()
  const offered = asked.view.tools.map((tool) => tool.name)
  if (answer.tools.some((tool) => !offered.includes(tool))) throw changed()
  const details = narrowed(asked.view.resource.id, offered, answer.tools)
  if (details.length === 0) {
    throw refused('nothing_chosen', 'Choose at least one tool, or deny the request.', { status: 400 })
  }
  const duration = DURATIONS.find((one) => one.id === answer.duration)
  if (duration === undefined) throw refused('duration_unknown', 'Choose how long the agent may act.', { status: 400 })
  const now = deps.clock.now()
  const evidence: JsonValue = {
    v: 1,
    shown: asJson(asked.view),
    chosen: { tools: details.flatMap((detail) => detail.tools), duration: duration.id },
    by: { iss: by.subject.iss, sub: by.subject.sub, session: by.session },
    at: now,
  }
  return {
    subject: by.subject,
    clientId: asked.client.clientId,
    ...(asked.client.agent === undefined ? {} : { agent: asked.client.agent }),
    resource: asked.view.resource.id,
    scope: asked.view.scope,
    authorizationDetails: details,
    expiresAt: now + duration.ms,
    evidence: sha256(evidence),
    session: by.session,
  }
}
