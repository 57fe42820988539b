/** The policy decision point: decisions per CPU-second over agent policy sets of four sizes, and what a set costs. */
import { type Bound, type Figure, figure } from '../figure.ts'
import { fileOf, type Running, start } from '../measure/processes.ts'
import { median } from '../measure/rounds.ts'
import type { Bench, Context } from './bench.ts'

const SIZES = [10, 100, 1000, 10_000] as const
/** Fewer would not be work that a real set makes. */
const CANDIDATES: Readonly<Record<number, number>> = { 100: 8, 1000: 20, 10000: 50 }
const LEAST = { usual: 1_000_000, largest: 500_000 }

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
const microseconds = async (server: Running, who: 'ours' | 'wasm', count: number, runs: number): Promise<number> => {
  await server.ask({ do: who, count }, 'done')
  const measured: number[] = []
  for (let run = 0; run < runs; run++) measured.push(await server.ask<number>({ do: who, count }, 'done'))
  return median(measured)
}

const oneSize = async (server: Running, policies: number, { quick, note }: Context): Promise<Figure[]> => {
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
    const theirs = await microseconds(server, 'wasm', quick ? 500 : 5000, 3)
    figures.push(named('pdp.vs_cedar_wasm.100', theirs / us, 'x', { least: 200 }))
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
  context.say('policy decision point: credence, cedar-wasm')
  const server = await start<true>(fileOf('servers/policy-alone.ts'))
  const figures: Figure[] = []
  for (const policies of SIZES) figures.push(...(await oneSize(server, policies, context)))
  await server.stop()
  return figures
}
