/** One request as flags: the facts of a test case, with what the registry knows of them where a domain runs. */
import { refused } from '@credence/kit'
import type { JsonValue } from '@credence/kit/json'
import { nodeClock } from '@credence/kit/node'
import type { Context, Flag } from '../command.ts'
import { LABEL, readLabel } from '../commands/server-label.ts'
import { usage } from '../errors.ts'
import type { RegistryNow } from './registry-now.ts'

export const FACT_FLAGS: Readonly<Record<string, Flag>> = {
  agent: { type: 'string', value: 'AGENT', about: 'who acts: its name or agt_...' },
  client: { type: 'string', value: 'ID', about: 'software that is not registered as an agent' },
  via: { type: 'string', multiple: true, value: 'agt_...', about: 'an agent behind it in the chain; may be repeated' },
  person: { type: 'string', value: 'usr_...', about: 'whose authority is used; without: the agent acts for itself' },
  grant: { type: 'string', multiple: true, value: 'TOOL', about: 'a tool that the person granted; may be repeated' },
  server: { type: 'string', value: 'SERVER', about: 'its name or resource identifier' },
  tool: { type: 'string', value: 'TOOL', about: 'the tool that is called' },
  label: {
    type: 'string',
    value: LABEL,
    about: 'what the registry says of the tool (default: what it says now)',
  },
  method: { type: 'string', value: 'METHOD', about: 'something else than tools/call' },
  target: { type: 'string', value: 'TEXT', about: 'what such a method is applied to' },
  argument: { type: 'string', multiple: true, value: 'NAME=JSON', about: 'an argument; may be repeated' },
  scope: { type: 'string', multiple: true, value: 'SCOPE', about: 'of the token; may be repeated' },
  proof: { type: 'string', value: 'PROOF', about: 'dpop (default), mtls, client_assertion or none' },
  untrusted: { type: 'boolean', about: 'the task has read what strangers wrote' },
  now: { type: 'string', value: 'TIME', about: 'when, such as 2026-01-07T09:30:00Z (default: now)' },
}

const argumentOf = (text: string): readonly [string, JsonValue] => {
  const at = text.indexOf('=')
  if (at < 1) throw usage(`--argument ${text}: write NAME=JSON, such as amount=5 or to='"bob"'.`)
  try {
    return [text.slice(0, at), JSON.parse(text.slice(at + 1)) as JsonValue]
  } catch {
    return [text.slice(0, at), text.slice(at + 1)]
  }
}

const labelOf = (text: string | undefined): Record<string, JsonValue> | undefined => {
  if (text === undefined) return undefined
  const labels = readLabel(text)
  if (labels === undefined) throw usage(`--label ${text}: write ${LABEL}.`)
  return { ...labels }
}

const agentFact = (text: string, registry: RegistryNow | undefined): JsonValue => {
  if (registry === undefined) return text
  const found = registry.agents.find(({ id, name }) => id === text || name === text)
  if (found === undefined) {
    throw refused('agent_unknown', `There is no agent ${text}. \`credence agent list\` shows them.`, { status: 404 })
  }
  const { id, role, status, owner, groups = [] } = found
  return { id, role, status, ...(owner === undefined ? {} : { owner }), groups }
}

const personFact = (text: string, registry: RegistryNow | undefined): JsonValue => {
  const found = registry?.people.find(({ id, name }) => id === text || name === text)
  if (registry === undefined) return text
  return found === undefined ? { id: text, role: 'unknown' } : { id: found.id, role: found.role }
}

const serverFact = (
  text: string,
  registry: RegistryNow | undefined,
): { resource: string; name?: string; registered?: boolean } => {
  if (registry === undefined || text === 'authority') return { resource: text }
  const found = registry.servers.find(({ resource, name }) => resource === text || name === text)
  return found === undefined ? { resource: text, registered: false } : { resource: found.resource, name: found.name }
}

/** `registry`: of the running domain; undefined: the flags say everything. */
export const factsFromFlags = (context: Context, registry: RegistryNow | undefined, issuer: string): JsonValue => {
  const text = (flag: string): Record<string, JsonValue> => {
    const value = context.text(flag)
    return value === undefined ? {} : { [flag]: value }
  }
  const list = (flag: string, name = flag): Record<string, JsonValue> =>
    context.texts(flag).length === 0 ? {} : { [name]: context.texts(flag) }
  const [agent, person, server, tool] = ['agent', 'person', 'server', 'tool'].map((flag) => context.text(flag))
  const place = server === undefined ? undefined : serverFact(server, registry)
  const labels = labelOf(context.text('label')) ?? registry?.view.tool(place?.resource ?? '', tool ?? '')
  const args = context.texts('argument').map(argumentOf)
  return {
    issuer,
    now: new Date(nodeClock.now()).toISOString(),
    ...text('now'),
    ...text('client'),
    ...text('method'),
    ...text('target'),
    ...text('proof'),
    ...list('via'),
    ...list('grant'),
    ...list('scope', 'scopes'),
    ...(agent === undefined ? {} : { agent: agentFact(agent, registry) }),
    ...(person === undefined ? {} : { person: personFact(person, registry) }),
    ...(place === undefined ? {} : { server: place }),
    ...(tool === undefined ? {} : { tool: { ...(labels as Record<string, JsonValue>), name: tool } }),
    ...(context.on('untrusted') ? { untrusted: true } : {}),
    ...(args.length === 0 ? {} : { arguments: Object.fromEntries(args) }),
  }
}
