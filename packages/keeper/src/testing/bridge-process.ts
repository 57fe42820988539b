/** The bridge in a process of its own, as a client starts it: `node bridge-process.ts URL`. */
import { createAgent } from '@credence/agent'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { signerOf } from '@credence/protocol/jose'
import { runBridge } from '../index.ts'

const [serverUrl = ''] = process.argv.slice(2)
const agent = createAgent({
  clientId: 'agt_bridge',
  signer: signerOf(nodeKeys.es256().privateKey),
  clock: nodeClock,
  random: nodeRandom,
  allowPrivate: [new URL(serverUrl).host],
})
await runBridge({
  serverUrl,
  fetch: agent.fetchFor(serverUrl),
  input: process.stdin,
  output: process.stdout,
  tell: (line) => console.error(line),
  graceMs: 500,
})
await agent.close()
