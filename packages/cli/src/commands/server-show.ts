import type { Command } from '../command.ts'
import { facts, table } from '../table.ts'
import { policiesOf, type ShownServer } from './server-list.ts'

const yesOrNo = (said: boolean | undefined): string | undefined =>
  said === undefined ? undefined : said ? 'yes' : 'no'

export const serverShow: Command = {
  name: 'server show',
  operands: 'NAME',
  summary: 'One server with its tools and labels',
  takes: [1, 1],
  run: async (context) => {
    const server = await context.api().get<ShownServer>(`/v1/servers/${encodeURIComponent(context.operands[0] ?? '')}`)
    const labelOf = (tool: string) => server.labels[tool] ?? {}
    context.print(server, () =>
      [
        facts([
          ['server', server.name],
          ['kind', server.kind],
          ['resource', server.resource],
          ['policies', policiesOf(server.observe)],
        ]),
        '',
        table(
          ['tool', 'effect', 'public', 'class', 'reversible', 'written by strangers', 'says of itself'],
          (server.tools ?? []).map(({ name, title, description }) => [
            name,
            labelOf(name).effect,
            labelOf(name).publicData === true ? 'yes' : 'no',
            labelOf(name).dataClass,
            yesOrNo(labelOf(name).reversible),
            labelOf(name).untrusted === true ? 'yes' : 'no',
            (title ?? description ?? '').slice(0, 60),
          ]),
          'Its tools are not known yet.',
        ),
      ].join('\n'),
    )
  },
}
