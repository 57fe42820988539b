/** The guard alone against oauth4webapi: from header fields to verified facts, a fresh proof each time. */
import { type Figure, figure } from '../figure.ts'
import { fileOf, start } from '../measure/processes.ts'
import { median } from '../measure/rounds.ts'
import { type Bench, us } from './bench.ts'

export const guard: Bench = async ({ quick, say, note }): Promise<readonly Figure[]> => {
  say('guard alone: credence, oauth4webapi')
  const server = await start<true>(fileOf('servers/guard-alone.ts'))
  const ask = (who: string, count: number): Promise<number> => server.ask({ who, count }, 'cpu')
  const count = quick ? 1_000 : 4_000
  for (const who of ['guard', 'oauth4webapi']) await ask(who, count)
  const runs = { guard: [] as number[], oauth4webapi: [] as number[] }
  for (let round = 0; round < (quick ? 2 : 7); round += 1) {
    for (const who of ['guard', 'oauth4webapi'] as const) runs[who].push(await ask(who, count))
  }
  await server.stop()
  const [ours, theirs] = [median(runs.guard), median(runs.oauth4webapi)]
  note(`Guard alone: credence ${us(ours)}, oauth4webapi ${us(theirs)}`)
  return [figure('guard.vs_oauth4webapi', theirs / ours, 'x', { least: 2 })]
}
