import { resolve } from 'node:path'
import type { Command } from '../command.ts'
import { chooseIdentity } from '../identities.ts'
import { untilStopped } from '../until-stopped.ts'

export const gateway: Command = {
  name: 'gateway',
  summary: 'A gateway in a process of its own, following an authority',
  help: [
    'It needs an agent of role node: credence agent add NAME --node. It serves the servers of the domain at --gateway-url,',
    'and refuses when it has not heard from the authority for 750 ms.',
    'Several gateways in front of the same servers must never see the same proof twice: share a database (--database-url),',
    'or let the load balancer send every key to one of them and say so with --routed-by-key.',
  ].join('\n'),
  takes: [0, 0],
  host: true,
  flags: {
    agent: { type: 'string', value: 'NAME', about: 'identity of this node on this host' },
    identity: { type: 'string', value: 'DIR', about: 'a folder with agent.json and key.pem, instead of --agent' },
    'routed-by-key': { type: 'boolean', about: 'requests with the same proof key always come to the same node' },
  },
  run: async (context) => {
    const named = context.text('identity')
    const folder =
      named === undefined ? chooseIdentity(context.settings.dataDir, context.text('agent')) : resolve(named)
    const { startNode } = await import('../compose/node.ts')
    const node = await startNode(context.settings, { folder, routedByKey: context.on('routed-by-key') })
    try {
      const { gatewayUrl } = context.settings
      context.print({ ready: true, authority: node.issuer, gatewayUrl, port: node.port }, () =>
        [
          `The gateway follows ${node.issuer}.`,
          `  serves     ${gatewayUrl}/mcp/NAME`,
          `  listens    port ${node.port}`,
          'Ctrl-C ends it.',
        ].join('\n'),
      )
      await untilStopped()
    } finally {
      await node.close()
    }
  },
}
