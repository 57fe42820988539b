/** The policy decision point: decisions per CPU-second over agent policy sets of four sizes, and what a set costs. */
import { type Bound, type Figure, figure } from '../figure.ts'
import { fileOf, type Running, start } from '../measure/processes.ts'
import { median } from '../measure/rounds.ts'
import type { PeerName } from '../servers/policy-alone.ts'
import type { Bench, Context } from './bench.ts'

const SIZES = [10, 100, 1000, 10_000] as const
/** Fewer would not be work that a real set makes. */
const CANDIDATES: Readonly<Record<number, number>> = { 100: 8, 1000: 20, 10000: 50 }
const LEAST = { usual: 1_000_000, largest: 500_000 }

const PEERS: readonly (readonly [name: PeerName, as: string, count: number, bound: Bound])[] = [
  ['cedar-wasm', 'cedar_wasm', 5000, { least: 200 }],
  ['cedar-wasm-sliced', 'cedar_wasm_sliced', 5000, {}],
  ['casbin', 'casbin', 5000, {}],
  ['cel', 'cel_indexed', 100_000, {}],
]

interface Loaded {
  readonly ms: number
  readonly mb: number
  readonly engine: string
}
interface Profile {
  readonly candidates: number
  readonly allowed: number
}

const named = (name: string, value: number, unit: string, bound: Bound = {}): Figure =>
  figure(name, value, unit, bound, 'policy')

/** The median of several runs: each is long enough that a collection of garbage falls into all of them. */
const microseconds = async (server: Running, who: 'ours' | PeerName, count: number, runs: number): Promise<number> => {
  await server.ask({ do: who, count }, 'done')
  const measured: number[] = []
  for (let run = 0; run < runs; run++) measured.push(await server.ask<number>({ do: who, count }, 'done'))
  return median(measured)
}

/** Others with the same policies, in the same run: how much more of the processor they need. */
const peers = async (server: Running, ours: number, { quick, note }: Context): Promise<Figure[]> => {
  const figures: Figure[] = []
  for (const [name, as, count, bound] of PEERS) {
    const theirs = await microseconds(server, name, quick ? count / 10 : count, 3)
    note(`100 policies, ${name}: ${theirs.toFixed(1)} us for a decision`)
    figures.push(named(`pdp.vs_${as}.100`, theirs / ours, 'x', bound))
  }
  return figures
}

const oneSize = async (server: Running, policies: number, context: Context): Promise<Figure[]> => {
  const { quick, note } = context
  const loaded = await server.ask<Loaded>({ do: 'load', policies }, 'done')
  const profile = await server.ask<Profile>({ do: 'profile' }, 'done')
  const us = await microseconds(server, 'ours', quick ? 200_000 : 1_000_000, quick ? 3 : 7)
  note(
    `${policies} policies: ${us.toFixed(2)} us for a decision over ${profile.candidates} candidates, ${Math.round(profile.allowed * 100)} % allowed; read, validated and compiled in ${Math.round(loaded.ms)} ms`,
  )
  if (loaded.engine !== 'compiled') throw new Error('the set is not compiled')
  const least = policies === 10_000 ? LEAST.largest : LEAST.usual
  const wanted = CANDIDATES[policies]
  const figures = [
    named(`pdp.embedded.${policies}`, 1_000_000 / us, '/CPU-s', { least }),
    named(
      `pdp.candidates_p50.${policies}`,
      profile.candidates,
      'policies',
      wanted === undefined ? {} : { least: wanted },
    ),
  ]
  if (policies === 100) {
    figures.push(...(await peers(server, us, context)))
  }
  if (policies === 10_000) {
    figures.push(named('pdp.load_ms.10000', loaded.ms, 'ms'), named('pdp.heap_mb.10000', loaded.mb, 'MB'))
    figures.push(...(await replacing(server, policies, quick)))
  }
  return figures
}

const replacing = async (server: Running, policies: number, quick: boolean): Promise<Figure[]> => {
  const ms = quick ? 3000 : 15_000
  const found = await server.ask<{ p99: number; worst: number; replaced: number }>(
    { do: 'replace', policies, ms },
    'done',
  )
  return [
    named('pdp.replace_p99_ms.10000', found.p99, 'ms'),
    named('pdp.replace_worst_ms.10000', found.worst, 'ms'),
    named('pdp.replaced.10000', found.replaced, 'sets'),
  ]
}

export const policy: Bench = async (context): Promise<readonly Figure[]> => {
  context.say('policy decision point: credence, cedar-wasm, casbin, cel-js')
  const server = await start<true>(fileOf('servers/policy-alone.ts'))
  const figures: Figure[] = []
  for (const policies of SIZES) figures.push(...(await oneSize(server, policies, context)))
  await server.stop()
  return figures
}
