/** Decisions in one process without HTTP: ours over entities that are looked up for each request, and cedar-wasm pre-parsed. */
import { compilePolicySet, type PolicySnapshot } from '@credence/policy'
import { CedarEntity, CedarQuestion, NO_FIELDS, Uid, type Verdict } from '@credence/policy/embedded'
import { casbin } from '../peers/casbin.ts'
import { slicedByResource, wholeSet } from '../peers/cedar-wasm.ts'
import { indexedCel } from '../peers/cel.ts'
import type { Ask } from '../peers/peer.ts'
import { contextOf, openStore, policyWorld, type Request, type Rule, requestsOf, type Store } from './policy-world.ts'

const REQUESTS = 4096

interface Open {
  snapshot: PolicySnapshot
  readonly store: Store
  readonly rules: readonly Rule[]
  readonly requests: readonly Request[]
  readonly action: CedarEntity
}

let open: Open | undefined

const bare = (key: string): CedarEntity =>
  new CedarEntity({ uid: new Uid('Action', key), attrs: NO_FIELDS, parents: [] })

const questionOf = ({ store, action }: Open, request: Request): CedarQuestion => {
  const principal = store.agents.get(request.agent) as CedarEntity
  const resource = store.tools.get(request.tool) as CedarEntity
  const asked = { principal: principal.uid, action: action.uid, resource: resource.uid }
  return new CedarQuestion(asked, contextOf(request), store.all, { principal, action, resource })
}

const decideWith = (world: Open, request: Request): Verdict =>
  world.snapshot.evaluate(questionOf(world, request), 'everything') as Verdict

const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Microseconds of CPU for each of `count` calls. */
const perCall = (count: number, call: (index: number) => unknown): number => {
  const before = cpu()
  for (let index = 0; index < count; index++) call(index)
  return (cpu() - before) / count
}

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T

const load = async (policies: number) => {
  open = undefined
  peers.clear()
  global.gc?.()
  const heap = process.memoryUsage().heapUsed
  const begun = performance.now()
  const world = policyWorld(policies)
  const snapshot = await compilePolicySet(world.source)
  const ms = performance.now() - begun
  global.gc?.()
  const mb = (process.memoryUsage().heapUsed - heap) / 2 ** 20
  const store = openStore(world)
  const action = snapshot.actions.get('Action"tools/call') ?? bare('tools/call')
  open = { snapshot, store, rules: world.rules, requests: requestsOf(world, store, REQUESTS), action }
  return { ms, mb, engine: snapshot.engine }
}

const ready = (): Open => {
  if (open === undefined) throw new Error('nothing is loaded')
  return open
}

const ours = (count: number): number => {
  const world = ready()
  return perCall(count, (index) => decideWith(world, at(world.requests, index)))
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0

/** How many conditions are looked at in the median, and which part of the requests is allowed. */
const profile = () => {
  const world = ready()
  const candidates = world.requests.map((request) =>
    world.snapshot.candidates(questionOf(world, request), 'everything'),
  )
  const allowed = world.requests.filter((request) => decideWith(world, request).allow).length
  return { candidates: median(candidates), allowed: allowed / world.requests.length }
}

export type PeerName = 'cedar-wasm' | 'cedar-wasm-sliced' | 'casbin' | 'cel'

/** Others are given the same policies in their words, and what makes their requests is not measured where it need not be. */
const peerOf = async (name: PeerName): Promise<Ask> => {
  const world = ready()
  if (name === 'casbin') return casbin(world)
  if (name === 'cel') return indexedCel(world)
  const { policies } = world.snapshot.oracle('everything')
  const cedar = {
    policies: { ...policies },
    rules: world.rules,
    questions: world.requests.map((one) => questionOf(world, one)),
    all: world.store.all,
  }
  return name === 'cedar-wasm' ? wholeSet(cedar) : slicedByResource(cedar)
}

/** How many answers are compared with ours before the clock runs. */
const COMPARED = 64

const peers = new Map<string, Ask>()

const peer = async (name: PeerName, count: number): Promise<number> => {
  const world = ready()
  const ask = peers.get(name) ?? (await peerOf(name))
  for (let index = 0; index < COMPARED && !peers.has(name); index++) {
    if (ask(index) !== decideWith(world, at(world.requests, index)).allow) throw new Error(`${name} decides otherwise`)
  }
  peers.set(name, ask)
  return perCall(count, ask)
}

/** Milliseconds that decisions waited at most in 99 of 100 cases while sets were replaced, and how many were. */
const whileReplacing = async (policies: number, ms: number) => {
  const world = ready()
  let going = true
  let replaced = 0
  const replacing = (async () => {
    while (going) {
      replaced++
      world.snapshot = await compilePolicySet(policyWorld(policies, replaced).source)
    }
  })()
  const waits: number[] = []
  const end = performance.now() + ms
  let index = 0
  while (performance.now() < end || replaced < 3) {
    const asked = performance.now()
    await new Promise((resolve) => setImmediate(resolve))
    decideWith(world, at(world.requests, index++))
    waits.push(performance.now() - asked)
  }
  going = false
  await replacing
  const sorted = waits.sort((a, b) => a - b)
  return { p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0, worst: sorted.at(-1) ?? 0, replaced }
}

type Message =
  | { readonly do: 'load'; readonly policies: number }
  | { readonly do: 'ours'; readonly count: number }
  | { readonly do: PeerName; readonly count: number }
  | { readonly do: 'profile' }
  | { readonly do: 'replace'; readonly policies: number; readonly ms: number }

const run = (message: Message): unknown => {
  if (message.do === 'load') return load(message.policies)
  if (message.do === 'replace') return whileReplacing(message.policies, message.ms)
  if (message.do === 'profile') return profile()
  return message.do === 'ours' ? ours(message.count) : peer(message.do, message.count)
}

process.on('message', (message: Message | string) => {
  if (typeof message === 'string') return
  Promise.resolve(run(message)).then(
    (done) => process.send?.({ done }),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.channel?.ref()
process.send?.({ ready: true })
