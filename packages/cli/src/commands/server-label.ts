import type { ToolLabels } from '@credence/model'
import type { Command } from '../command.ts'
import { usage } from '../errors.ts'
import type { ShownServer } from './server-list.ts'

const EFFECTS = ['read', 'write', 'delete', 'pay', 'send', 'execute'] as const
export type Labels = Record<string, ToolLabels>

export const LABEL = 'EFFECT[,public][,class:NAME][,reversible|irreversible][,untrusted]'

type Word = (word: string) => ToolLabels | undefined

const effectOf: Word = (word) => {
  const effect = EFFECTS.find((one) => one === word)
  return effect === undefined ? undefined : { effect }
}
const classOf: Word = (word) =>
  /^class:[a-z][a-z0-9-]{0,31}$/.test(word) ? { dataClass: word.slice('class:'.length) } : undefined

const FLAGS: Readonly<Record<string, ToolLabels>> = {
  public: { publicData: true },
  reversible: { reversible: true },
  irreversible: { reversible: false },
  untrusted: { untrusted: true },
}
const flagOf: Word = (word) => (Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined)

/** `pay,class:customer,irreversible`. Undefined: not such words, or one of them twice. */
export const readLabel = (text: string): ToolLabels | undefined => {
  let labels: ToolLabels = {}
  for (const word of text.split(',')) {
    const one = effectOf(word) ?? classOf(word) ?? flagOf(word)
    if (one === undefined || Object.keys(one).some((name) => Object.hasOwn(labels, name))) return undefined
    labels = { ...labels, ...one }
  }
  return labels
}

/** `read_file=read,public`. */
export const readLabels = (texts: readonly string[]): Labels => {
  const labels = new Map<string, ToolLabels>()
  for (const text of texts) {
    const at = text.lastIndexOf('=')
    const read = at < 1 ? undefined : readLabel(text.slice(at + 1))
    if (read === undefined)
      throw usage(`--label ${text}: write TOOL=${LABEL}, with one effect of ${EFFECTS.join(', ')}.`)
    labels.set(text.slice(0, at), read)
  }
  return Object.fromEntries(labels)
}

export const serverLabel: Command = {
  name: 'server label',
  operands: `NAME TOOL=${LABEL}...`,
  summary: 'Say what tools do; a server’s own claims are never believed',
  help: 'What is said replaces what was said of the same tool before.',
  takes: [2, 100],
  flags: { force: { type: 'boolean', about: 'also for tools that the server has not told' } },
  run: async (context) => {
    const [name = '', ...texts] = context.operands
    const body = { labels: readLabels(texts), ...(context.on('force') ? { force: true } : {}) }
    const server = await context.api().send<ShownServer>('PUT', `/v1/servers/${encodeURIComponent(name)}/labels`, body)
    context.print(server, () => `Labels of ${server.name} are set.`)
  },
}
