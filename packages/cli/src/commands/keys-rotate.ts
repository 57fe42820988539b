import type { Command } from '../command.ts'

export const keysRotate: Command = {
  name: 'keys rotate',
  summary: 'Sign with the next key from now on; the last one verifies until its tokens have expired',
  takes: [0, 0],
  run: async (context) => {
    const answer = await context.api().send<{ kid: string }>('POST', '/v1/keys/rotate')
    context.print(answer, () => `Tokens are signed by ${answer.kid} now.`)
  },
}
