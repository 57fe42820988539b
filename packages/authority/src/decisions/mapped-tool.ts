/** Whether a question is about a call of a tool that has a mapping of its own. */
import type { JsonObject } from '@credence/kit/json'
import { toolOfRequest } from '@credence/policy'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import type { Registry } from '../registry/registry.ts'

export interface MappedTool {
  readonly server: string
  readonly name: string
  readonly mapping: JsonObject
}

export const mappedTool = (
  { servers }: Pick<Registry, 'servers'>,
  { action, resource }: EvaluationRequest,
): MappedTool | undefined => {
  if (resource.type !== 'tool' || action.name !== 'tools/call') return undefined
  const [server, name] = toolOfRequest(resource) ?? []
  if (server === undefined || name === undefined) return undefined
  const mappings = servers.find((one) => one.resource === server)?.mappings ?? {}
  const mapping = Object.hasOwn(mappings, name) ? mappings[name] : undefined
  return mapping === undefined ? undefined : { server, name, mapping }
}
