/** A second gateway, and how long a revocation takes to be felt in both. */
import { join } from 'node:path'
import { operatorApi } from '@credence/cli'
import { nodeClock } from '@credence/kit/node'
import type { Actor } from '../actor.ts'
import { provenCall, type RawAnswer, reasonOf, toolCall } from '../raw-call.ts'
import { makeAgent } from './beginning.ts'
import { files, inPlay, isAllowed, LIST, type Play } from './play.ts'

/** Revocations that are timed; the slowest counts. */
const TRIES = 3
const PATIENCE_MS = 10_000

/** Starts while other steps run. */
export const startSecondGateway = async (play: Play): Promise<void> => {
  const { stage, config, ports } = play
  const node = await stage.command<{ folder: string }>(...inPlay(play, 'agent', 'add', 'gateway-2', '--node'))
  const flags = ['--config', config, '--data-dir', join(stage.dir, 'second'), '--identity', node.folder]
  await stage.start('gateway', ...flags, '--gateway-port', String(ports[1]), '--routed-by-key')
}

export const useSecondGateway = async (play: Play, actor: Actor, started: Promise<void>): Promise<void> => {
  const port = play.ports[1]
  await play.report.step(
    'second gateway',
    'a process of its own follows the feed and serves the same agent',
    async () => {
      await started
      const answer = await patiently(() => provenCall(actor.bound(files(play)), port, toolCall('list_directory', LIST)))
      return { ok: isAllowed(answer), observed: `list_directory through port ${port}: ${reasonOf(answer)}` }
    },
  )
}

/** A node whose lease has run out (a busy machine is enough) asks to come back: that is neither a yes nor the refusal meant here. */
const patiently = async (call: () => Promise<RawAnswer>): Promise<RawAnswer> => {
  const began = nodeClock.monotonic()
  for (;;) {
    const answer = await call()
    if (answer.status !== 503 || nodeClock.monotonic() - began > PATIENCE_MS) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

interface Refused {
  readonly ms: number
  readonly answer: RawAnswer
}

/** Calls again and again; answers how long after `at()` a call was refused for the first time. */
const untilRefused = async (play: Play, actor: Actor, port: number, at: () => number): Promise<Refused> => {
  const bound = actor.bound(files(play))
  for (;;) {
    const answer = await patiently(() => provenCall(bound, port, toolCall('list_directory', LIST)))
    const ms = nodeClock.monotonic() - at()
    if (!isAllowed(answer)) return { ms, answer }
    if (ms > 10_000) throw new Error('still allowed ten seconds after the revocation')
  }
}

/** One revocation under load: both gateways are called all the time while it happens. */
const timeOne = async (play: Play, actor: Actor, grant: string): Promise<number> => {
  let revokedAt = Number.POSITIVE_INFINITY
  const at = (): number => revokedAt
  const refusals = play.ports.map((port) => untilRefused(play, actor, port, at))
  const api = operatorApi(play.dataDir)
  try {
    await api.get('/v1/status')
    revokedAt = nodeClock.monotonic()
    await api.send('POST', `/v1/grants/${grant}/revoke`)
    return Math.max(...(await Promise.all(refusals)).map(({ ms }) => ms))
  } finally {
    await api.close()
  }
}

export const newestGrant = async (play: Play): Promise<string> => {
  const { grants } = await play.stage.command<{ grants: readonly { id: string; resource: string }[] }>(
    ...inPlay(play, 'grant', 'list'),
  )
  return grants.find(({ resource }) => resource === files(play))?.id ?? ''
}

export const revocation = async (play: Play, actor: Actor): Promise<{ grant: string; ms: number }> => {
  const { report, ports } = play
  const grant = await newestGrant(play)
  await report.step('revocation', 'the next call is refused in this process and in the other one', async () => {
    await play.stage.command(...inPlay(play, 'grant', 'revoke', grant))
    const near = await patiently(() => provenCall(actor.bound(files(play)), ports[0], toolCall('list_directory', LIST)))
    const revokedAt = nodeClock.monotonic()
    const far = await untilRefused(play, actor, ports[1], () => revokedAt)
    return {
      ok: near.status === 401 && far.ms < 1_000,
      observed: `here ${reasonOf(near)}; there ${reasonOf(far.answer)}`,
    }
  })
  let ms = 0
  await report.step(
    'revoke to refuse',
    `under 1000 ms from sending the revocation, in both processes, ${TRIES} tries`,
    async () => {
      const times: number[] = []
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const again = await makeAgent(play, `courier-${attempt}`)
        const client = await again.agent.connect(files(play))
        await client.close()
        times.push(Math.round(await timeOne(play, again, await newestGrant(play))))
        await again.agent.close()
      }
      ms = Math.max(...times)
      return { ok: ms < 1_000, observed: `${times.join(', ')} ms; slowest ${ms} ms` }
    },
  )
  return { grant, ms }
}
