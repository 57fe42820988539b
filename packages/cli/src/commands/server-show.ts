import type { Command } from '../command.ts'
import { facts, table } from '../table.ts'
import { policiesOf, type ShownServer } from './server-list.ts'

const yesOrNo = (said: boolean | undefined): string | undefined =>
  said === undefined ? undefined : said ? 'yes' : 'no'

/** What was said of tools that are not there, or of definitions that are no more: somebody should look. */
export const remarks = ({ labels, mappings = {}, mappedDefinitions = {}, tools = [] }: ShownServer): string[] => {
  if (tools.length === 0) return []
  const hashes = new Map(tools.map(({ name, hash }) => [name, hash]))
  const missing = (what: string, names: readonly string[]): string[] =>
    names.filter((name) => !hashes.has(name)).map((name) => `${what} for ${name}, which the server does not have.`)
  const changed = Object.keys(mappings)
    .filter((name) => hashes.has(name) && mappedDefinitions[name] !== hashes.get(name))
    .map(
      (name) =>
        `The definition of ${name} is another one than when its mapping was set: look at both, and set it again.`,
    )
  return [...missing('A mapping', Object.keys(mappings)), ...missing('A label', Object.keys(labels)), ...changed]
}

export const serverShow: Command = {
  name: 'server show',
  operands: 'NAME',
  summary: 'One server with its tools and labels',
  takes: [1, 1],
  run: async (context) => {
    const server = await context.api().get<ShownServer>(`/v1/servers/${encodeURIComponent(context.operands[0] ?? '')}`)
    const labelOf = (tool: string) => server.labels[tool] ?? {}
    const said = remarks(server)
    context.print(said.length === 0 ? server : { ...server, remarks: said }, () =>
      [
        facts([
          ['server', server.name],
          ['kind', server.kind],
          ['resource', server.resource],
          ['policies', policiesOf(server.observe)],
        ]),
        '',
        table(
          ['tool', 'effect', 'public', 'class', 'reversible', 'written by strangers', 'mapping', 'says of itself'],
          (server.tools ?? []).map(({ name, title, description }) => [
            name,
            labelOf(name).effect,
            labelOf(name).publicData === true ? 'yes' : 'no',
            labelOf(name).dataClass,
            yesOrNo(labelOf(name).reversible),
            labelOf(name).untrusted === true ? 'yes' : 'no',
            server.mappings?.[name] === undefined ? 'no' : 'yes',
            (title ?? description ?? '').slice(0, 60),
          ]),
          'Its tools are not known yet.',
        ),
        ...(said.length === 0 ? [] : ['', ...said]),
      ].join('\n'),
    )
  },
}
