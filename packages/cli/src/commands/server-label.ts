import type { Command } from '../command.ts'
import { usage } from '../errors.ts'
import type { ShownServer } from './server-list.ts'

const EFFECTS = ['read', 'write', 'delete', 'pay', 'send', 'execute']
export type Labels = Record<string, { effect?: string; publicData?: boolean }>

/** `read_file=read,public`. */
export const readLabels = (texts: readonly string[]): Labels => {
  const labels: Labels = {}
  for (const text of texts) {
    const at = text.lastIndexOf('=')
    const words = text.slice(at + 1).split(',')
    const effect = words.find((word) => EFFECTS.includes(word))
    if (at < 1 || words.some((word) => word !== 'public' && word !== effect)) {
      throw usage(`--label ${text}: write TOOL=EFFECT or TOOL=EFFECT,public, with one of ${EFFECTS.join(', ')}.`)
    }
    labels[text.slice(0, at)] = {
      ...(effect === undefined ? {} : { effect }),
      ...(words.includes('public') ? { publicData: true } : {}),
    }
  }
  return labels
}

export const serverLabel: Command = {
  name: 'server label',
  operands: 'NAME TOOL=EFFECT[,public]...',
  summary: 'Say what tools do; a server’s own claims are never believed',
  takes: [2, 100],
  run: async (context) => {
    const [name = '', ...texts] = context.operands
    const server = await context
      .api()
      .send<ShownServer>('PUT', `/v1/servers/${encodeURIComponent(name)}/labels`, { labels: readLabels(texts) })
    context.print(server, () => `Labels of ${server.name} are set.`)
  },
}
