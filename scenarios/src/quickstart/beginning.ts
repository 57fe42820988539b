/** From an empty folder to an owner, two servers and an agent. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nodeClock } from '@credence/kit/node'
import { type Actor, createActor } from '../actor.ts'
import { enrolAgain, firstOwner } from './people.ts'
import { ALLOWED, files, inPlay, type Play } from './play.ts'

export const begin = async (play: Play): Promise<void> => {
  const { stage, report, dataDir, config, issuer } = play
  let link = ''
  await report.step('start', 'authority and gateway are up; the setup link is for this user alone', async () => {
    const began = nodeClock.monotonic()
    const { ready } = await stage.start('up', '--data-dir', dataDir, '--config', config)
    const file = String(ready.setupLinkFile)
    const open = (statSync(file).mode & 0o077) !== 0
    link = readFileSync(file, 'utf8').trim()
    return {
      ok: ready.issuer === issuer && !open,
      observed: `up after ${Math.round(nodeClock.monotonic() - began)} ms at ${issuer}, isolation of servers: ${ready.isolation}`,
    }
  })
  await report.step('owner', 'the first person enrols a passkey with the link, and the link is used up', async () => {
    const { id, name } = await firstOwner(play, link)
    const again = await enrolAgain(play, link)
    return { ok: again === 'refused', observed: `${name} is ${id}; using the link again: ${again}` }
  })
  await report.step('second person', 'comes in through an invitation, which works once', async () => {
    const { url } = await stage.command<{ url: string }>(...inPlay(play, 'invite', 'Grace Hopper'))
    const id = await play.person.enrol(url, 'Grace Hopper')
    const again = await enrolAgain(play, url)
    return { ok: again === 'refused', observed: `Grace Hopper is ${id}; using the link again: ${again}` }
  })
}

export const register = async (play: Play): Promise<void> => {
  const { stage, report } = play
  for (const name of ['files', 'everything']) {
    await report.step(
      `server ${name}`,
      'registered by name; its command stays in the host configuration; its tools are known',
      async () => {
        const added = await stage.command<{ resource: string; tools: readonly string[] }>(
          ...inPlay(play, 'server', 'add', name, '--stdio', '--config', play.config),
        )
        return { ok: added.tools.length > 0, observed: `${added.resource} with ${added.tools.length} tools` }
      },
    )
  }
}

/** What it asks for is allowed by the person whom the scenario drives. */
export const makeAgent = async (play: Play, name: string): Promise<Actor> => {
  const agent = await play.stage.command<{ id: string; spiffeId: string; folder: string }>(
    ...inPlay(play, 'agent', 'add', name),
  )
  return createActor({
    ...agent,
    issuer: play.issuer,
    gatewayUrl: play.gatewayUrl,
    allow: (url, resource) => play.person.allow(url, resource === files(play) ? ALLOWED : ['echo']),
  })
}

export const theAgent = async (play: Play): Promise<Actor> => {
  let actor: Actor | undefined
  await play.report.step('agent', 'an identity of its own, bound to a key that never leaves its host', async () => {
    actor = await makeAgent(play, 'librarian')
    const open = (statSync(join(actor.folder, 'key.pem')).mode & 0o077) !== 0
    return { ok: actor.spiffeId.startsWith('spiffe://') && !open, observed: actor.spiffeId }
  })
  return actor as Actor
}
