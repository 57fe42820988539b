import { refused } from '@credence/kit'
import type { Command } from '../command.ts'

interface Person {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly status: string
}

export const invite: Command = {
  name: 'invite',
  operands: '[NAME]',
  summary: 'A link with which one more person can enrol; valid for a day, used once',
  takes: [0, 1],
  run: async (context) => {
    const { people } = await context.api().get<{ people: readonly Person[] }>('/v1/people')
    const owner = people.find(({ role, status }) => role === 'owner' && status === 'active')
    if (owner === undefined)
      throw refused('no_owner', 'There is no owner yet. Open the setup link that `credence up` gave first.')
    const [name] = context.operands
    const link = await context.api().send<{ url: string; expiresAt: number }>('POST', '/v1/people/invitations', {
      by: owner.id,
      ...(name === undefined ? {} : { name }),
    })
    context.print(link, () => `Give this link to one person; whoever opens it first is the one:\n\n  ${link.url}\n`)
  },
}
