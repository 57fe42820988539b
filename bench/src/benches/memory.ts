/** Memory of `credence up`: after the start, and what 100,000 guarded calls leave behind. */
import { type Figure, figure } from '../figure.ts'
import { type Bench, contender } from './bench.ts'
import { callPlan } from './call.ts'

const MB = 1024 * 1024
const PORTION = 2_500

export const memory: Bench = async ({ quick, say, note, world: shared }): Promise<readonly Figure[]> => {
  const world = await shared()
  const { credence, load, idle } = world
  const calls = async (count: number): Promise<void> => {
    const plan = callPlan(world, credence.ready.http, await world.token(credence.ready.http))
    const ours = contender('credence', credence, credence.ready.gatewayPort, plan)
    for (let done = 0; done < count; done += PORTION) await load.once(ours, PORTION, 32)
  }
  const total = quick ? 2_500 : 100_000
  say(`memory: ${total.toLocaleString('en')} guarded calls`)
  await calls(quick ? PORTION : 10_000)
  const warm = await credence.collect()
  await calls(total)
  const after = await credence.collect()
  const mb = (bytes: number): string => `${(bytes / MB).toFixed(0)} MB`
  note(
    `Memory after collection: idle ${mb(idle.rss)} (heap ${mb(idle.heap)}), warm ${mb(warm.rss)} (${mb(warm.heap)}), ` +
      `after ${total.toLocaleString('en')} calls ${mb(after.rss)} (${mb(after.heap)})`,
  )
  return [
    figure('memory.idle_mb', idle.rss / MB, 'MB'),
    figure('memory.growth_mb', (after.heap - warm.heap) / MB, 'MB', { most: 64 }),
  ]
}
