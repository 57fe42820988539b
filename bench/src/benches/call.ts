/** tools/call of 500 bytes through the gateway: proof verified, decided, intent and outcome in the ledger; and its ceiling. */
import { type Figure, figure } from '../figure.ts'
import type { Plan } from '../load/requests.ts'
import { interleaved } from '../measure/rounds.ts'
import { type Bench, contender, describe, ratio, rounds, type World } from './bench.ts'

const HEADERS = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' }

export const callPlan = ({ credence }: World, url: string, accessToken: string): Plan => ({
  kind: 'call',
  url,
  client: credence.ready.client,
  accessToken,
  headers: HEADERS,
  bytes: 500,
})

export const call: Bench = async (context): Promise<readonly Figure[]> => {
  const world = await context.world()
  const { credence, ceiling, load } = world
  const accessToken = await world.token(credence.ready.http)
  const floor = `http://127.0.0.1:${ceiling.ready.port}/mcp/echo`
  const contenders = [
    contender('ceiling', ceiling, ceiling.ready.port, callPlan(world, floor, accessToken)),
    contender('credence', credence, credence.ready.gatewayPort, callPlan(world, credence.ready.http, accessToken)),
  ]
  context.say('guarded call: ceiling, credence')
  const measured = await interleaved(load, contenders, rounds(context, 32))
  context.note(describe('Guarded call', 32, measured))
  for (const connections of context.quick ? [] : [1, 256]) {
    const beside = await interleaved(load, contenders, { ...rounds(context, connections), warmUp: 0, rounds: 3 })
    context.note(describe('Guarded call', connections, beside))
  }
  return [figure('guarded_call.vs_ceiling', ratio(measured, 'credence', 'ceiling'), 'x', { most: 1.5 })]
}
