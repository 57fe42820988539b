import { refused } from '@credence/kit'
import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import { facts } from '../table.ts'
import { LABEL, type Labels, readLabels } from './server-label.ts'
import type { ShownServer } from './server-list.ts'

const LOOK_MS = 15_000

/** The gateway asks a new server for its tools; consent pages need them. */
const waitForTools = async (context: Context, name: string): Promise<readonly string[]> => {
  for (let waited = 0; waited < LOOK_MS; waited += 150) {
    const { tools = [] } = await context.api().get<ShownServer>(`/v1/servers/${name}`)
    if (tools.length > 0) return tools.map((tool) => tool.name)
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  return []
}

const bodyOf = (context: Context, name: string): { name: string; labels?: Labels } & Record<string, unknown> => {
  const url = context.text('url')
  const labels = readLabels(context.texts('label'))
  const labelled = {
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(context.on('observe') ? { observe: true } : {}),
  }
  if ((url !== undefined) === context.on('stdio')) throw usage('Say either --stdio or --url URL.')
  return url === undefined ? { name, kind: 'stdio', ...labelled } : { name, kind: 'http', url, ...labelled }
}

export const serverAdd: Command = {
  name: 'server add',
  operands: 'NAME',
  summary: 'Put an MCP server behind the gateway',
  help: [
    '--stdio runs the command that "stdio": { "NAME": { "command": ... } } names in credence.json on the host of the gateway;',
    'a command is never sent over the network.',
  ].join('\n'),
  takes: [1, 1],
  flags: {
    stdio: { type: 'boolean', about: 'a local server, from the host configuration' },
    url: { type: 'string', value: 'URL', about: 'a server over streamable HTTP' },
    label: {
      type: 'string',
      multiple: true,
      value: `TOOL=${LABEL}`,
      about: 'what a tool does: read, write, delete, pay, send, execute',
    },
    observe: { type: 'boolean', about: 'decide and record by the policies, and do not enforce them' },
    'no-wait': { type: 'boolean', about: 'do not wait until the tools are known' },
  },
  run: async (context) => {
    const [name = ''] = context.operands
    const body = bodyOf(context, name)
    if (
      context.on('stdio') &&
      !Object.hasOwn(context.settings.stdio, name) &&
      Object.keys(context.settings.stdio).length > 0
    ) {
      throw refused(
        'stdio_not_configured',
        `credence.json has no "stdio" entry named ${name} (it has ${Object.keys(context.settings.stdio).join(', ')}).`,
      )
    }
    const server = await context.api().send<ShownServer>('POST', '/v1/servers', body)
    const tools = context.on('no-wait') ? [] : await waitForTools(context, name)
    if (tools.length === 0 && !context.on('no-wait')) {
      context.tell(
        `The server did not tell its tools yet. The log of the gateway says why; nobody can consent to it before.`,
      )
    }
    context.print({ ...server, tools }, () =>
      facts([
        ['server', server.name],
        ['resource', server.resource],
        ['policies', server.observe === true ? 'OBSERVED, not enforced' : undefined],
        ['tools', tools.length === 0 ? undefined : tools.join(', ')],
      ]),
    )
  },
}
