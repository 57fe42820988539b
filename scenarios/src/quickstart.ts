/** One guarded call from end to end: with an identity, a consent, a decision, a record, and a revocation that bites. */
import type { Scenario } from './main.ts'
import { begin, register, theAgent } from './quickstart/beginning.ts'
import { attacks, callTools, changePolicy } from './quickstart/calls.ts'
import { setStage } from './quickstart/play.ts'
import { examine } from './quickstart/records.ts'
import { revocation, startSecondGateway, useSecondGateway } from './quickstart/revocation.ts'

export const quickstart: Scenario = {
  name: 'quickstart',
  about: 'A real agent calls real MCP servers through Credence.',
  run: async (stage, report, human) => {
    const play = await setStage(stage, report, human)
    await begin(play)
    await register(play)
    const second = startSecondGateway(play)
    second.catch(() => undefined)
    const actor = await theAgent(play)
    try {
      const client = await callTools(play, actor)
      await attacks(play, actor)
      await changePolicy(play, client)
      await client.close()
      await useSecondGateway(play, actor, second)
      const { grant, ms } = await revocation(play, actor)
      await examine(play, grant)
      return { revoke_to_refuse_ms: ms }
    } finally {
      await actor.agent.close()
    }
  },
}
