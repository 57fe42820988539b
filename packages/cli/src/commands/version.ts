import { readFileSync } from 'node:fs'
import type { Command } from '../command.ts'

export const version: Command = {
  name: 'version',
  summary: 'Version of this program and of Node',
  takes: [0, 0],
  run: async (context) => {
    const { version: own } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    context.print(
      { credence: own, node: process.versions.node },
      () => `credence ${own} on Node ${process.versions.node}`,
    )
  },
}
