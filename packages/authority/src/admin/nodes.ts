/** What nodes in other processes need: the feed, the ledger, and one state to begin with. */
import { createFeedHandler } from '@credence/sync'
import { z } from 'zod'
import { listTools } from '../registry/tools.ts'
import { createMarkRate, markTask, mustBeTask } from '../tasks/index.ts'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'

const Question = z.strictObject({ from: z.int().min(0), waitMs: z.int().min(0).max(60_000) })

/**
 * INVARIANT: the head is read before everything else, so that a node that follows from it misses nothing that is not in
 * the state already; and this node has applied all of it, since the change may have been made at another one.
 */
const state = async (deps: AdminDeps) => {
  const { head } = await deps.feed.poll(Number.MAX_SAFE_INTEGER, 0, AbortSignal.timeout(5_000))
  await deps.follower.caughtUp(head)
  const registry = deps.registry()
  const tools = await Promise.all(
    registry.servers.map(async ({ name }) => [
      name,
      (await listTools(deps.core, name)).map((tool) => ({ name: tool.name, hash: tool.hash })),
    ]),
  )
  return {
    head,
    domain: deps.core.domain,
    registry,
    tools: Object.fromEntries(tools) as Record<string, unknown>,
    agents: [...deps.directory.all()].map(({ id, status, role, owner, groups }) => ({
      id,
      status,
      role,
      owner,
      groups,
    })),
    people: (await deps.people.list()).map(({ id, role }) => ({ id, role })),
    policy: await deps.policies.current(),
    jwks: deps.signingKeys.jwks(),
  }
}

export const nodeEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => {
  const feed = createFeedHandler(deps.feed)
  const takeMark = createMarkRate(deps.core.clock)
  return [
    endpoint({
      method: 'POST',
      path: '/v1/feed',
      name: 'feed.poll',
      access: 'node',
      consequential: false,
      operation: 'feed.poll',
      summary: 'Entries of the inside feed after a number; waits for the next one',
      body: Question,
      act: async ({ body, signal }) => JSON.parse(await feed(body, signal)) as unknown,
    }),
    endpoint({
      method: 'POST',
      path: '/v1/records',
      name: 'record.append',
      access: 'node',
      consequential: false,
      operation: 'record.append',
      summary: 'Append records to the ledger of the domain; answered when they are durable',
      maxBody: 1_048_576,
      body: z.strictObject({ records: z.array(z.looseObject({})).min(1).max(1_024) }),
      act: async ({ body }, { caller }) => ({
        results: await deps.intake.acceptRecords(body.records, {
          emitterAllowed: (emitter) => emitter === caller.clientId || emitter.startsWith(`${caller.clientId}/`),
        }),
      }),
    }),
    endpoint({
      method: 'POST',
      path: '/v1/tasks/marks',
      name: 'task.mark',
      access: 'node',
      consequential: true,
      operation: 'task.mark',
      summary: 'A task reads what strangers wrote; answered when that is durable, with the end of the mark',
      body: z.strictObject({ task: z.string().min(1).max(128) }),
      target: ({ body }) => body.task,
      act: async ({ body }, { caller }) => {
        takeMark(caller.clientId)
        mustBeTask(body.task, deps.directory)
        const until = await markTask(deps.core, body.task)
        return { until }
      },
    }),
    endpoint({
      method: 'GET',
      path: '/v1/state',
      name: 'registry.read',
      access: 'node',
      consequential: false,
      operation: 'registry.read',
      summary: 'Registry, agents, policies and keys as of one number of the feed',
      act: () => state(deps),
    }),
  ]
}
