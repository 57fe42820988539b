import type { Command } from '../command.ts'

export const serverRemove: Command = {
  name: 'server remove',
  operands: 'NAME',
  summary: 'Take a server away from the gateway',
  takes: [1, 1],
  run: async (context) => {
    const [name = ''] = context.operands
    await context.api().send('DELETE', `/v1/servers/${encodeURIComponent(name)}`)
    context.print({ removed: name }, () => `${name} is no longer served.`)
  },
}
