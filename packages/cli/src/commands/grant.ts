import type { Command } from '../command.ts'
import { facts, table, when } from '../table.ts'

interface ShownGrant {
  readonly id: string
  readonly subject: { readonly iss: string; readonly sub: string }
  readonly client: string
  readonly status: string
  readonly expires?: number
  readonly created: number
  readonly authorizationDetails: readonly {
    readonly locations?: readonly string[]
    readonly tools?: readonly string[]
  }[]
}

const toolsOf = ({ authorizationDetails }: ShownGrant): string =>
  (authorizationDetails ?? []).flatMap(({ tools = [] }) => tools).join(', ')

const serversOf = ({ authorizationDetails }: ShownGrant): string =>
  (authorizationDetails ?? []).flatMap(({ locations = [] }) => locations).join(', ')

export const grantList: Command = {
  name: 'grant list',
  summary: 'What people allowed agents, newest first',
  takes: [0, 0],
  flags: {
    subject: { type: 'string', value: 'usr_...', about: 'of one person' },
    client: { type: 'string', value: 'agt_...', about: 'to one agent' },
  },
  run: async (context) => {
    const query = new URLSearchParams(
      ['subject', 'client'].flatMap((name) => {
        const text = context.text(name)
        return text === undefined ? [] : [[name, text]]
      }),
    )
    const answer = await context
      .api()
      .get<{ grants: readonly ShownGrant[] }>(`/v1/grants${query.size > 0 ? `?${query}` : ''}`)
    context.print(answer, () =>
      table(
        ['grant', 'subject', 'agent', 'status', 'until', 'tools'],
        answer.grants.map((grant) => [
          grant.id,
          grant.subject.sub,
          grant.client,
          grant.status,
          when(grant.expires),
          toolsOf(grant),
        ]),
      ),
    )
  },
}

export const grantShow: Command = {
  name: 'grant show',
  operands: 'GRANT',
  summary: 'One grant: who allowed whom what, until when',
  takes: [1, 1],
  run: async (context) => {
    const grant = await context.api().get<ShownGrant>(`/v1/grants/${encodeURIComponent(context.operands[0] ?? '')}`)
    context.print(grant, () =>
      facts([
        ['grant', grant.id],
        ['subject', grant.subject.sub],
        ['agent', grant.client],
        ['status', grant.status],
        ['since', when(grant.created)],
        ['until', when(grant.expires)],
        ['servers', serversOf(grant)],
        ['tools', toolsOf(grant)],
      ]),
    )
  },
}

export const grantRevoke: Command = {
  name: 'grant revoke',
  operands: 'GRANT',
  summary: 'Withdraw a grant with everything issued from it',
  takes: [1, 1],
  run: async (context) => {
    const [id = ''] = context.operands
    const answer = await context.api('revoke').send('POST', `/v1/grants/${encodeURIComponent(id)}/revoke`)
    context.print(answer, () => `${id} is revoked. The next call with it is refused on every node within a second.`)
  },
}
