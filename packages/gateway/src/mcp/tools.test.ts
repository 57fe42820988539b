/** Lists whose tools somebody else decides on: slow, down, endless, or for a caller who is gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decider } from '@credence/guard'
import { refused, unavailable } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import type { Tool } from '../catalog.ts'
import { type Listing, listTools, MAX_ASKED } from './tools.ts'

const toolsUpTo = (count: number) =>
  Array.from({ length: count }, (_, at) => {
    const name = `t${String(at).padStart(5, '0')}`
    return { name, hash: 'h', definition: { name } } as unknown as Tool
  })

const listing = (tools: readonly Tool[], decide: (name: string) => unknown, more: Partial<Listing> = {}): Listing => {
  const details = [{ type: 'mcp_tools', locations: ['r'], tools: tools.map(({ name }) => name) }]
  const caller = {
    subject: { iss: 'i', sub: 's' },
    actors: [],
    scope: [],
    clientId: 'a',
    authorizationDetails: details,
  }
  const operation = { id: 'o', domain: 'd', subject: caller.subject, actors: [], resource: 'r', method: 'tools/list' }
  const asked = { ...operation, name: '', arguments: {}, labels: {}, consequential: true, op: 'x' }
  return {
    release: { operation: asked, caller } as unknown as Listing['release'],
    server: { entry: { labelsOf: () => ({}) } } as unknown as Listing['server'],
    decider: { decide: ({ name }) => decide(name) } as Decider,
    random: nodeRandom,
    signal: new AbortController().signal,
    ...more,
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('several are asked at the same time, never more than eight; the order is that of the names', async () => {
  const tools = toolsUpTo(100)
  let now = 0
  let most = 0
  const decide = async (name: string) => {
    now += 1
    most = Math.max(most, now)
    for (let wait = Number(name.slice(1)) % 5; wait >= 0; wait -= 1) await turn()
    now -= 1
    return { effect: Number(name.slice(1)) % 2 === 0 ? 'granted' : 'refused' }
  }
  const list = await listTools(tools, listing(tools, decide))
  assert.equal(most, 8)
  assert.deepEqual(
    list.tools,
    tools.filter((_, at) => at % 2 === 0).map(({ definition }) => definition),
  )
})

test('one deadline for all: a decision point that hangs ends the list, and is asked no further', async () => {
  const tools = toolsUpTo(50)
  let asked = 0
  const decide = () => {
    asked += 1
    return new Promise(() => undefined)
  }
  await assert.rejects(listTools(tools, listing(tools, decide, { withinMs: 20 })), { code: 'tools_list_late' })
  assert.equal(asked, 8)
})

test('a caller that is gone has nobody asked any more', async () => {
  const tools = toolsUpTo(500)
  const gone = new AbortController()
  let asked = 0
  const decide = async () => {
    asked += 1
    if (asked === 16) gone.abort()
    await turn()
    return { effect: 'granted' }
  }
  await assert.rejects(listTools(tools, listing(tools, decide, { signal: gone.signal })), { code: 'tools_list_late' })
  for (let at = 0; at < 20; at += 1) await turn()
  assert.equal(asked, 16)
  const before = listTools(tools, listing(tools, decide, { signal: AbortSignal.abort() }))
  await assert.rejects(before, { code: 'tools_list_late' })
})

test('what one list may ask elsewhere is bounded; the policies of this process decide on any number', async () => {
  const tools = toolsUpTo(MAX_ASKED + 1)
  const list = await listTools(
    tools,
    listing(tools, () => ({ effect: 'granted' })),
  )
  assert.equal((list.tools as unknown[]).length, MAX_ASKED + 1)
  const elsewhere = listTools(
    tools,
    listing(tools, async () => ({ effect: 'granted' })),
  )
  await assert.rejects(elsewhere, { code: 'tools_list_large' })
})

test('a decision that fails hides its tool; one that needs arguments shows it; a share that is used up refuses the list', async () => {
  const tools = toolsUpTo(3)
  const fails: Readonly<Record<string, Error>> = {
    t00000: unavailable('decider_unavailable', 'down'),
    t00001: refused('coaz_mapping_failed', 'needs arguments'),
  }
  const decide = (name: string) => (fails[name] === undefined ? { effect: 'granted' } : Promise.reject(fails[name]))
  const list = await listTools(tools, listing(tools, decide))
  assert.deepEqual(list.tools, [{ name: 't00001' }, { name: 't00002' }])
  const rated = () => Promise.reject(refused('decision_rate', 'too often'))
  await assert.rejects(listTools(tools, listing(tools, rated)), { code: 'decision_rate' })
})
