/** tools/list shows what the caller may call, and nothing else: each tool is decided on as a call would be. */
import type { Decider, Release } from '@credence/guard'
import { isCredenceError, newId, type Random, unavailable } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'
import { isConsequential, type Operation, operationHash, tokenCovers } from '@credence/model'
import type { Tool } from '../catalog.ts'
import type { GatewayServer } from '../server.ts'
import type { JsonObject } from '../upstream/upstream.ts'

/** The call that this tool would get, without arguments. It is never released. */
const callOf = (
  tool: Tool,
  { operation }: Listing['release'],
  server: Listing['server'],
  random: Random,
): Operation => {
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

export interface Listing {
  readonly release: Pick<Release, 'operation' | 'caller'>
  readonly server: Pick<GatewayServer, 'entry'>
  readonly decider: Decider
  readonly random: Random
  /** Whoever asked for the list is gone, or its call took too long. */
  readonly signal: AbortSignal
  /** Milliseconds for all decisions together. Default 10,000. */
  readonly withinMs?: number
}

const WITHIN_MS = 10_000
/** Questions that wait for an answer at the same time. */
const AT_ONCE = 8
/** Questions of one list that a decision point outside of this process answers. */
export const MAX_ASKED = 1_024

const SHOWN: ReadonlySet<string> = new Set(['granted', 'pending'])

/** How often one caller may ask is about the caller: to it the list is not short, there is none. */
const endsList = (error: unknown): boolean => isCredenceError(error) && error.code === 'decision_rate'

/**
 * A decision that cannot be had hides the tool. What a call is about may need its arguments, by the mapping of this tool:
 * it is shown, and the call itself will be asked about.
 */
const shownDespite = (error: unknown): boolean => {
  if (endsList(error)) throw error
  return isCredenceError(error) && error.code === 'coaz_mapping_failed'
}

/** Whether a call of the tool would be let through; a promise where somebody outside has to be asked. */
const mayCall = (tool: Tool, { release, server, decider, random }: Listing): boolean | Promise<boolean> => {
  const operation = callOf(tool, release, server, random)
  if (!tokenCovers(release.caller, operation)) return false
  try {
    const given = decider.decide(operation, release.caller)
    if (!(given instanceof Promise)) return SHOWN.has(given.effect)
    return given.then(({ effect }) => SHOWN.has(effect)).catch(shownDespite)
  } catch (error) {
    return shownDespite(error)
  }
}

const late = () =>
  unavailable('tools_list_late', 'Not all tools could be decided on in time, so there is no list. Try again.')
const tooMany = () =>
  unavailable('tools_list_large', `The server has more than ${MAX_ASKED} tools that somebody else decides on.`)

/** In the order of their names, so that equal rights give equal bytes (2026-07-28: deterministic order). */
const ordered = (tools: Iterable<Tool>): Tool[] => [...tools].sort((a, b) => (a.name < b.name ? -1 : 1))

/** Some at the same time; none once `stopped` says so. */
const decideOn = async (tools: readonly Tool[], listing: Listing, stopped: () => boolean): Promise<boolean[]> => {
  const may: boolean[] = []
  let next = 0
  let asked = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < tools.length && !stopped(); at = next++) {
      const given = mayCall(tools[at] as Tool, listing)
      if (given instanceof Promise && ++asked > MAX_ASKED) throw tooMany()
      may[at] = given instanceof Promise ? await given : given
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return may
}

/**
 * INVARIANT: a list is whole or it is not: when time, questions or the caller's share end before every tool was decided on,
 * or the caller is gone, the list is refused.
 */
export const listTools = async (tools: Iterable<Tool>, listing: Listing): Promise<JsonObject> => {
  const all = ordered(tools)
  const { signal, withinMs = WITHIN_MS } = listing
  const { promise: cut, reject } = Promise.withResolvers<never>()
  let over = false
  const end = (): void => {
    over = true
    reject(late())
  }
  const timer = setTimeout(end, withinMs)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    const may = await Promise.race([decideOn(all, listing, () => over), cut])
    return { tools: all.flatMap((tool, at) => (may[at] === true ? [tool.definition] : [])) }
  } finally {
    // Whoever is still asking asks no further.
    over = true
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}
