/** What searches over the domain's own entities can find: rows of the registry, never what a request says. */
import { applicableActions, type PolicySnapshot } from '@credence/policy'
import type { SearchRequest } from '@credence/protocol/authzen'
import type { Core } from '../core.ts'
import { granters } from '../grants/grants.ts'
import type { People } from '../people/index.ts'
import type { Directory } from '../registry/directory.ts'
import type { Registry } from '../registry/registry.ts'
import { listTools } from '../registry/tools.ts'
import { sortedOnce } from './point.ts'

export interface CandidateDeps {
  readonly issuer: string
  readonly core: Pick<Core, 'db' | 'domain' | 'clock'>
  readonly directory: Pick<Directory, 'all'>
  readonly registry: () => Registry
  readonly people: Pick<People, 'list'>
}

/** The names that requests use for our types, and the names that policies use. */
const OURS = new Map([
  ['agent', 'Agent'],
  ['person', 'Person'],
  ['tool', 'Tool'],
  ['server', 'Server'],
  ['authority', 'Authority'],
])

/** What the servers told, and what was labelled before they did. */
const toolIds = async ({ core, registry }: CandidateDeps): Promise<string[]> => {
  const ids: string[] = []
  for (const { name, resource, labels } of registry().servers) {
    const told = await listTools(core, name)
    for (const tool of [...told.map((one) => one.name), ...Object.keys(labels)])
      ids.push(JSON.stringify([resource, tool]))
  }
  return ids
}

/** Those who can sign in, and those whose grants count although they came from elsewhere. */
const personIds = async ({ core, issuer, people }: CandidateDeps): Promise<string[]> => {
  const active = (await people.list()).filter(({ status }) => status === 'active')
  return [...active.map(({ id }) => String(id)), ...(await granters(core, issuer))]
}

const subjects = async (type: string, deps: CandidateDeps): Promise<string[]> => {
  if (type === 'agent') return [...deps.directory.all()].map(({ id }) => String(id))
  return type === 'person' ? personIds(deps) : []
}

const resources = async (type: string, deps: CandidateDeps): Promise<string[]> => {
  if (type === 'tool') return toolIds(deps)
  if (type === 'authority') return ['authority']
  return type === 'server' ? deps.registry().servers.map(({ resource }) => resource) : []
}

/** Of types that are not ours nothing is known here: such a search finds nothing. */
export const domainCandidates = async (
  { kind, type = '', asked }: SearchRequest,
  snapshot: PolicySnapshot,
  deps: CandidateDeps,
): Promise<readonly string[]> => {
  if (kind === 'subject') return sortedOnce(await subjects(type, deps))
  if (kind === 'resource') return sortedOnce(await resources(type, deps))
  const [principal, resource] = [OURS.get(asked.subject.type), OURS.get(asked.resource.type)]
  return principal === undefined || resource === undefined ? [] : applicableActions(snapshot, principal, resource)
}
