import type { Command } from '../command.ts'
import { usage } from '../errors.ts'
import { helpOf, overview } from '../help.ts'

/** Given the list it stands in, to say what is in there. */
export const helpCommand = (commands: () => readonly Command[]): Command => ({
  name: 'help',
  operands: '[COMMAND]',
  summary: 'This list, or more about one command',
  takes: [0, 2],
  run: async (context) => {
    const name = context.operands.join(' ')
    const found = commands().filter((one) => one.name === name || one.name.startsWith(`${name} `))
    const asData = commands().map(({ name: one, summary }) => ({ name: one, summary }))
    if (name === '') return context.print({ commands: asData }, () => overview(commands()))
    if (found.length === 0) throw usage(`"${name}" is not a command. credence help lists them.`)
    context.print({ commands: asData.filter((one) => found.some((command) => command.name === one.name)) }, () =>
      found.map((command) => helpOf(command, {})).join('\n\n'),
    )
  },
})
