/** Decisions in one process without HTTP: ours over entities that are looked up for each request, and cedar-wasm pre-parsed. */
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import { compilePolicySet, type PolicySnapshot } from '@credence/policy'
import { CedarEntity, CedarQuestion, NO_FIELDS, requestJson, Uid, type Verdict } from '@credence/policy/embedded'
import { contextOf, openStore, policyWorld, type Request, requestsOf, type Store } from './policy-world.ts'

const REQUESTS = 4096

interface Open {
  snapshot: PolicySnapshot
  readonly store: Store
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
  open = { snapshot, store, requests: requestsOf(world, store, REQUESTS), action }
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

const wasm = (count: number): number => {
  const world = ready()
  const { policies } = world.snapshot.oracle('everything')
  preparsePolicySet('bench', { staticPolicies: { ...policies } })
  const calls = world.requests.slice(0, 64).map((request) => {
    const question = questionOf(world, request)
    const server = question.resourceEntity?.parents.map(({ key }) => world.store.all.get(key) as CedarEntity) ?? []
    const entities = [question.principalEntity, question.resourceEntity, ...server].filter((one) => one !== undefined)
    const { context, principal, action, resource } = question
    const asked = requestJson({ principal, action, resource, context, entities: { values: () => entities } })
    return { ...asked, preparsedPolicySetId: 'bench' } as unknown as Parameters<typeof statefulIsAuthorized>[0]
  })
  for (const [index, call] of calls.entries()) {
    const answer = statefulIsAuthorized(call)
    const mine = decideWith(world, world.requests[index] as Request)
    const same = answer.type === 'success' && (answer.response.decision === 'allow') === mine.allow
    if (!same) throw new Error('cedar-wasm decides otherwise')
  }
  return perCall(count, (index) => statefulIsAuthorized(at(calls, index)))
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
  | { readonly do: 'ours' | 'wasm'; readonly count: number }
  | { readonly do: 'profile' }
  | { readonly do: 'replace'; readonly policies: number; readonly ms: number }

const run = (message: Message): unknown => {
  if (message.do === 'load') return load(message.policies)
  if (message.do === 'replace') return whileReplacing(message.policies, message.ms)
  if (message.do === 'profile') return profile()
  return message.do === 'ours' ? ours(message.count) : wasm(message.count)
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
