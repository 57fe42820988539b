/** POST /token with private_key_jwt and DPoP: ours with store and ledger, stock oidc-provider in memory, and the ceiling. */
import { type Figure, figure } from '../figure.ts'
import { fileOf, start } from '../measure/processes.ts'
import { interleaved } from '../measure/rounds.ts'
import { type Bench, type Context, contender, describe, ratio, rounds, type World } from './bench.ts'

const major = Number(process.versions.node.split('.')[0])
/** The library profits more from newer engines than signatures do. */
const LEAST = major >= 24 ? 1.8 : 2.5

const ours = ({ credence, ceiling, tokenPlan }: World) => {
  const floor = `http://127.0.0.1:${ceiling.ready.port}`
  return [
    contender('ceiling', ceiling, ceiling.ready.port, tokenPlan(floor, false)),
    contender('credence', credence, credence.ready.port, tokenPlan(credence.ready.issuer, true)),
  ]
}

const atOtherLoads = async (context: Context, world: World): Promise<void> => {
  for (const connections of [1, 256]) {
    const measured = await interleaved(world.load, ours(world), {
      ...rounds(context, connections),
      warmUp: 0,
      rounds: 3,
    })
    context.note(describe('Issue', connections, measured))
  }
}

export const issue: Bench = async (context): Promise<readonly Figure[]> => {
  const world = await context.world()
  const { clientId } = world.credence.ready.client
  const library = await start<{ port: number; issuer: string }>(fileOf('servers/oidc-provider.ts'), {
    args: [clientId, world.publicJwk, world.credence.ready.http],
  })
  context.say('issue: ceiling, credence, oidc-provider')
  const theirs = contender('oidc-provider', library, library.ready.port, world.tokenPlan(library.ready.issuer, false))
  const measured = await interleaved(world.load, [...ours(world), theirs], rounds(context, 32))
  await library.stop()
  context.note(describe('Issue', 32, measured))
  if (!context.quick) await atOtherLoads(context, world)
  return [
    figure('issue.vs_oidc_provider', ratio(measured, 'oidc-provider', 'credence'), 'x', { least: LEAST }),
    figure('issue.vs_ceiling', ratio(measured, 'credence', 'ceiling'), 'x', { most: 1.5 }),
  ]
}
