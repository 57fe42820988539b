/** tools/list shows what the caller may call, and nothing else: each tool is decided on as a call would be. */
import type { Decider, Release } from '@credence/guard'
import { isCredenceError, newId, type Random } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'
import { isConsequential, type Operation, operationHash, tokenCovers } from '@credence/model'
import type { Tool } from '../catalog.ts'
import type { GatewayServer } from '../server.ts'
import type { JsonObject } from '../upstream/upstream.ts'

/** The call that this tool would get, without arguments. It is never released. */
const callOf = (tool: Tool, { operation }: Release, server: GatewayServer, random: Random): Operation => {
  const { op, wire, ...asked } = operation
  const labels = server.entry.labelsOf(tool.name)
  const facts = {
    ...asked,
    id: newId('opn', random),
    method: 'tools/call',
    name: tool.name,
    arguments: {},
    labels,
    definitionHash: tool.hash,
  }
  return { ...facts, consequential: isConsequential(labels), op: operationHash(facts, canonicalize) }
}

/** A decision that cannot be had hides the tool. */
export const mayCall = async (
  tool: Tool,
  release: Release,
  server: GatewayServer,
  decider: Decider,
  random: Random,
): Promise<boolean> => {
  const operation = callOf(tool, release, server, random)
  if (!tokenCovers(release.caller, operation)) return false
  try {
    const { effect } = await decider.decide(operation, release.caller)
    return effect === 'granted' || effect === 'pending'
  } catch (error) {
    // What a call is about says only its arguments, by the mapping of this tool: the call itself will be asked about.
    return isCredenceError(error) && error.code === 'coaz_mapping_failed'
  }
}

/** In the order of their names, so that equal rights give equal bytes (2026-07-28: deterministic order). */
export const listTools = async (
  tools: Iterable<Tool>,
  release: Release,
  server: GatewayServer,
  decider: Decider,
  random: Random,
): Promise<JsonObject> => {
  const shown: JsonObject[] = []
  for (const tool of [...tools].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (await mayCall(tool, release, server, decider, random)) shown.push(tool.definition)
  }
  return { tools: shown }
}
