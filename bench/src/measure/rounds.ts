/** Interleaved rounds: every contender once in each round, so that what disturbs the machine disturbs all of them. */
import type { RunResult } from '../load/client.ts'
import type { Order } from '../load/main.ts'
import type { Plan } from '../load/requests.ts'
import { BESIDE, fileOf, type Running, start } from './processes.ts'

export interface Contender {
  readonly name: string
  readonly server: Running
  readonly port: number
  readonly plan: Plan
}

export interface Measured {
  readonly name: string
  /** Median over the rounds: microseconds of CPU of the server for one request. */
  readonly cpu: number
  readonly p50: number
  readonly p99: number
  /** Requests a second, wall clock. */
  readonly rate: number
}

export interface RoundOptions {
  readonly connections: number
  readonly rounds: number
  /** Requests of one contender in one round. */
  readonly count: number
  readonly warmUp: number
}

export interface Load {
  token(plan: Extract<Plan, { readonly kind: 'token' }>): Promise<string>
  once(contender: Contender, count: number, connections: number): Promise<RunResult & { readonly cpu: number }>
  stop(): Promise<void>
}

export const startLoad = async (): Promise<Load> => {
  const load = await start<true>(fileOf('load/main.ts'), { core: BESIDE })
  const obey = <T>(order: Order): Promise<T> => load.ask(order, 'done')
  return {
    token: (plan) => obey({ do: 'token', plan }),
    once: async ({ server, port, plan }, count, connections) => {
      await obey({ do: 'prepare', plan, count })
      const before = await server.usage()
      const result = await obey<RunResult>({ do: 'run', port, connections })
      const after = await server.usage()
      if (result.unavailable > count / 50) throw new Error(`${result.unavailable} of ${count} requests were not served`)
      return { ...result, cpu: (after.cpu - before.cpu) / count }
    },
    stop: load.stop,
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

export const interleaved = async (
  load: Load,
  contenders: readonly Contender[],
  { connections, rounds, count, warmUp }: RoundOptions,
): Promise<Map<string, Measured>> => {
  const results = new Map(contenders.map(({ name }) => [name, [] as (RunResult & { cpu: number })[]]))
  if (warmUp > 0) for (const contender of contenders) await load.once(contender, warmUp, connections)
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      results.get(contender.name)?.push(await load.once(contender, count, connections))
    }
  }
  return new Map(
    [...results].map(([name, runs]) => [
      name,
      {
        name,
        cpu: median(runs.map(({ cpu }) => cpu)),
        p50: median(runs.map(({ p50 }) => p50)),
        p99: median(runs.map(({ p99 }) => p99)),
        rate: median(runs.map(({ calls, seconds }) => calls / seconds)),
      },
    ]),
  )
}
