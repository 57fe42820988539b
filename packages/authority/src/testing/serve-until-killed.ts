/** One authority in a process of its own, for tests that kill it. */
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import type { AuthorityConfig } from '../config.ts'
import { startAuthority } from '../server.ts'

const config = JSON.parse(process.argv[2] ?? '') as AuthorityConfig
await startAuthority(config, {
  clock: nodeClock,
  random: nodeRandom,
  keys: nodeKeys,
  log: silentLogger,
  fetch: createSafeFetch({ clock: nodeClock }),
})
process.stdout.write('ready\n')
