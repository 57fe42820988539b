/** Who answers: whoever sits at this machine, in their own browser; otherwise people whom the scenario drives. */
import { operatorApi } from '@credence/cli'
import { createPerson } from '@credence/cli/testing'
import type { Client } from '@modelcontextprotocol/client'
import type { Actor } from '../actor.ts'
import { ALLOWED, files, inPlay, type Play } from './play.ts'

const LOOK_EVERY_MS = 300

interface Known {
  readonly id: string
  readonly name: string
}

const ownerOf = async (play: Play, signal?: AbortSignal): Promise<Known> => {
  const api = operatorApi(play.dataDir)
  try {
    for (;;) {
      const { people } = await api.get<{ people: readonly (Known & { role: string })[] }>('/v1/people')
      const owner = people.find(({ role }) => role === 'owner')
      if (owner !== undefined) return owner
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      // Nobody listens to the end of a wait that was given up.
      if (signal === undefined || signal.aborted) throw new Error('nobody has enrolled')
    }
  } finally {
    await api.close()
  }
}

const SETUP = [
  'Your browser opens now. Give a name and create a passkey there: you are the first owner of this domain.',
  'Windows Hello, Touch ID, a phone or a security key will do. The domain is gone when the demo ends; the passkey,',
  'called localhost, stays in your collection until you delete it there.',
]

/**
 * NOTE: the link stands among the arguments of the program that opens it, where other users of this machine could see
 * it for a moment. The domain lives for minutes and holds nothing, and whoever took it would show in the next line.
 */
export const firstOwner = async (play: Play, link: string): Promise<Known> => {
  const here = await play.human.ask({ lines: SETUP, link, done: (signal) => ownerOf(play, signal) })
  if (here !== undefined) return here
  const name = 'Ada Lovelace'
  return createPerson(play.issuer)
    .enrol(link, name)
    .then(
      (id) => ({ id, name }),
      // They were quicker, in the very last moment.
      () => ownerOf(play),
    )
}

/** A link that was used, in the hands of somebody else. */
export const enrolAgain = (play: Play, link: string): Promise<string> =>
  createPerson(play.issuer)
    .enrol(link, 'Mallory')
    .then(
      () => 'enrolled too',
      () => 'refused',
    )

const CONSENT = [
  'Your browser shows one more page: the agent "librarian" asks to use three tools of the server "files" on your behalf.',
  'Read it and allow it. (Or deny it, and see.)',
]

/** Exactly the three: who is asked has nothing to take away. */
const WANTED = (resource: string) => ({
  authorizationDetails: [{ type: 'mcp_tools', locations: [resource], tools: ALLOWED }],
})

const connectAsHuman = async (play: Play, actor: Actor): Promise<Client | undefined> => {
  if (!play.human.present) return undefined
  const { promise: answered, resolve } = Promise.withResolvers<true>()
  actor.askNext(async (link) => {
    const came = await play.human.ask({ lines: CONSENT, link, done: () => answered })
    if (came === undefined) throw new Error('Nobody answered.')
  })
  try {
    return await actor.agent.connect(files(play), WANTED(files(play)))
  } catch (error) {
    if (play.human.present)
      play.report.say(`    No token for the agent: ${(error as Error).message}. Somebody else is asked now.`)
    play.human.leave()
    return undefined
  } finally {
    resolve(true)
  }
}

interface Grant {
  readonly id: string
  readonly authorizationDetails: readonly { readonly tools: readonly string[] }[]
}

export interface Allowed {
  readonly client: Client
  readonly grant: string
  readonly tools: readonly string[]
  /** Who allowed it. */
  readonly by: string
}

const newest = async (play: Play): Promise<Omit<Allowed, 'client' | 'by'>> => {
  const { grants } = await play.stage.command<{ grants: readonly Grant[] }>(...inPlay(play, 'grant', 'list'))
  const tools = grants[0]?.authorizationDetails.flatMap((detail) => detail.tools) ?? []
  return { grant: grants[0]?.id ?? '', tools }
}

/** A consent that is narrower than what follows needs is respected, and somebody else asked for the rest. */
export const connectAllowed = async (play: Play, actor: Actor): Promise<Allowed> => {
  const client = await connectAsHuman(play, actor)
  if (client !== undefined) {
    const allowed = await newest(play)
    if (allowed.tools.join() === ALLOWED.join()) return { client, ...allowed, by: 'you' }
    play.report.say(
      `    You allowed ${allowed.tools.join(', ')} only. The demo needs three; somebody else allows them.`,
    )
    play.human.leave()
    await client.close()
  }
  const again = await actor.agent.connect(files(play))
  return { client: again, ...(await newest(play)), by: 'Grace Hopper' }
}
