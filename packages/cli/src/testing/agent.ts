/** Agents of a test domain: registered through the command line, with a person who allows them what the test says. */
import { join } from 'node:path'
import {
  type Agent,
  type AgentOptions,
  createAgent,
  createMemoryTokenStore,
  loadSigner,
  type TokenStore,
} from '@credence/agent'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { TestDomain } from './domain.ts'

/** What `agent add` answers. */
export interface Registered {
  readonly id: string
  readonly folder: string
}

export const register = (domain: Pick<TestDomain, 'command'>, name: string, ...flags: string[]): Promise<Registered> =>
  domain.command<Registered>('agent', 'add', name, ...flags)

/** It forgets its tokens with the test, unless `more` says otherwise. */
export const openAgent = async (
  domain: Pick<TestDomain, 'issuer' | 'gatewayUrl' | 'person'>,
  { id, folder }: Registered,
  tools: readonly string[],
  more: Partial<AgentOptions> = {},
): Promise<Agent> =>
  createAgent({
    clientId: id,
    signer: await loadSigner(join(folder, 'key.pem')),
    clock: nodeClock,
    random: nodeRandom,
    allowPrivate: [domain.issuer, domain.gatewayUrl].map((url) => new URL(url).host),
    store: createMemoryTokenStore(),
    ask: ({ url }) => void domain.person.allow(url, tools),
    ...more,
  })

/** Shows every access token that is kept: what somebody who steals it has. */
export const showingStore = (show: (accessToken: string) => void): TokenStore => {
  const memory = createMemoryTokenStore()
  return {
    ...memory,
    set: (key, held) => {
      show(held.accessToken)
      return memory.set(key, held)
    },
  }
}
