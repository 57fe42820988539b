import type { Command } from '../command.ts'
import { facts, table } from '../table.ts'
import type { ShownServer } from './server-list.ts'

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
        ]),
        '',
        table(
          ['tool', 'effect', 'public', 'says of itself'],
          (server.tools ?? []).map(({ name, title, description }) => [
            name,
            labelOf(name).effect,
            labelOf(name).publicData === true ? 'yes' : 'no',
            (title ?? description ?? '').slice(0, 60),
          ]),
          'Its tools are not known yet.',
        ),
      ].join('\n'),
    )
  },
}
