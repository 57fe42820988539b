import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import { agentToStop } from '../named-agent.ts'

const KINDS = ['token', 'grant', 'agent', 'subject', 'owner', 'session', 'key'] as const
type Kind = (typeof KINDS)[number]

const ABOUT: Readonly<Record<Kind, readonly [string, string]>> = {
  token: ['JTI', 'one access token'],
  grant: ['grt_...', 'a grant with everything issued from it'],
  agent: ['AGENT', 'all that an agent holds'],
  subject: ['usr_...', 'all that acts for a person'],
  owner: ['own_...', 'all agents of an owner'],
  session: ['ses_...', 'a sign-in with what came of it'],
  key: ['JKT', 'all that is bound to a key'],
}

const asked = (context: Context): { kind: Kind; id: string } => {
  const found = KINDS.flatMap((kind) => {
    const id = context.text(kind)
    return id === undefined ? [] : [{ kind, id }]
  })
  const [one] = found
  if (found.length !== 1 || one === undefined) throw usage(`Say one of ${KINDS.map((kind) => `--${kind}`).join(', ')}.`)
  return one
}

export const revoke: Command = {
  name: 'revoke',
  summary: 'Withdraw a token, grant, agent, person, owner, session or key',
  help: 'In force on every node within a second, also while the disk is full.',
  takes: [0, 0],
  flags: {
    ...Object.fromEntries(
      KINDS.map((kind) => [kind, { type: 'string' as const, value: ABOUT[kind][0], about: ABOUT[kind][1] }]),
    ),
    reason: { type: 'string', value: 'TEXT', about: 'for the record' },
  },
  run: async (context) => {
    const { kind, id: text } = asked(context)
    const id = kind === 'agent' ? await agentToStop(context, text) : text
    const reason = context.text('reason')
    const answer = await context
      .api('revoke')
      .send('POST', '/v1/revocations', { kind, id, ...(reason === undefined ? {} : { reason }) })
    context.print(answer, () => `${kind} ${id} is revoked.`)
  },
}
