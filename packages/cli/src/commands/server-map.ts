import { readFileSync } from 'node:fs'
import { refused } from '@credence/kit'
import { type JsonObject, type JsonValue, parseStrict } from '@credence/kit/json'
import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import type { ShownServer } from './server-list.ts'

interface Told {
  readonly tools: readonly { readonly name: string; readonly inputSchema?: JsonValue }[]
}

const fromFile = (path: string): JsonValue => {
  try {
    return parseStrict(readFileSync(path))
  } catch (cause) {
    throw refused('mapping_unreadable', `${path} cannot be read as JSON.`, { cause })
  }
}

/** What the server says of itself now; from here on it is ours, and a later word of the server changes nothing. */
const declared = async (context: Context, server: string, tool: string): Promise<JsonValue> => {
  const { declaredMapping } = await import('@credence/protocol/coaz')
  const { tools } = await context.api().get<Told>(`/v1/servers/${encodeURIComponent(server)}/arguments`)
  const definition = tools.find(({ name }) => name === tool)
  const mapping = definition === undefined ? undefined : declaredMapping(definition as unknown as JsonObject)
  if (mapping !== undefined) return mapping
  throw refused('mapping_undeclared', `The server ${server} declares no mapping for ${tool}. Write one: --file FILE.`)
}

const wanted = async (context: Context, server: string, tool: string): Promise<JsonValue> => {
  const file = context.text('file')
  const ways = [file !== undefined, context.on('declared'), context.on('remove')].filter(Boolean)
  if (ways.length !== 1) throw usage('Say one of --file FILE, --declared and --remove.')
  if (context.on('remove')) return null
  return file === undefined ? await declared(context, server, tool) : fromFile(file)
}

/** What a server says of its own tools decides on nothing before a person has seen it. */
const shown = (server: string, tool: string, mapping: JsonValue): string =>
  [
    `The server ${server} declares this mapping for ${tool}:`,
    JSON.stringify(mapping, null, 2),
    'Nothing has changed. Say --declared --yes to let it count.',
  ].join('\n')

export const serverMap: Command = {
  name: 'server map',
  operands: 'NAME TOOL',
  summary: 'Say what calls of a tool are about, so that policies can decide on that (COAZ-MCP)',
  help: [
    'The mapping makes AuthZEN questions from the arguments of a call. Policies are asked about the call as before, and about',
    'each of these questions; a remote decision point is asked these questions alone. What a server declares itself',
    '(x-authzen-mapping) counts only after --declared --yes has taken it over, as it is now.',
  ].join('\n'),
  takes: [2, 2],
  flags: {
    file: { type: 'string', value: 'FILE', about: 'a mapping in JSON' },
    declared: { type: 'boolean', about: 'show what the server declares now; with --yes, take it over' },
    yes: { type: 'boolean', about: 'with --declared: it counts from now on' },
    force: { type: 'boolean', about: 'for a tool that the server has not told' },
    remove: { type: 'boolean', about: 'take the mapping away' },
  },
  run: async (context) => {
    const [name = '', tool = ''] = context.operands
    const mapping = await wanted(context, name, tool)
    if (context.on('declared') && !context.on('yes')) {
      context.print({ declared: mapping, changed: false }, () => shown(name, tool, mapping))
      return
    }
    const body = { mappings: { [tool]: mapping }, ...(context.on('force') ? { force: true } : {}) }
    const server = await context
      .api()
      .send<ShownServer>('PUT', `/v1/servers/${encodeURIComponent(name)}/mappings`, body)
    context.print({ ...server, mapping }, () =>
      mapping === null
        ? `Calls of ${tool} are asked about by its name alone.`
        : `Calls of ${tool} are asked about by this mapping:\n${JSON.stringify(mapping, null, 2)}`,
    )
  },
}
