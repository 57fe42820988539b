import type { Command } from '../command.ts'
import { type Cell, facts } from '../table.ts'

const flat = (value: Record<string, unknown>, prefix = ''): [string, Cell][] =>
  Object.entries(value).flatMap(([name, one]): [string, Cell][] =>
    typeof one === 'object' && one !== null
      ? flat(one as Record<string, unknown>, `${prefix}${name}.`)
      : [[`${prefix}${name}`, one as Cell]],
  )

export const status: Command = {
  name: 'status',
  summary: 'Is everything well: feed, ledger, policy version',
  takes: [0, 0],
  run: async (context) => {
    const answer = await context.api().get<Record<string, unknown>>('/v1/status')
    context.print(answer, () => facts(flat(answer)))
  },
}
