/** The agent of a scenario: the SDK as its author uses it, and a look at the token that only a thief would want. */
import { join } from 'node:path'
import { type Agent, createAgent, createMemoryTokenStore, loadSigner, type TokenStore } from '@credence/agent'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { JwsSigner } from '@credence/protocol/jose'
import type { Bound } from './raw-call.ts'

/** Lets somebody answer at this link; a failure fails the request. */
export type Allow = (url: string, resource: string) => Promise<void>

export interface Actor {
  readonly agent: Agent
  readonly signer: JwsSigner
  readonly spiffeId: string
  readonly folder: string
  bound(resource: string): Bound
  /** The next question, and no other, goes to somebody else. */
  askNext(allow: Allow): void
}

export interface ActorOptions {
  readonly id: string
  readonly spiffeId: string
  readonly folder: string
  readonly issuer: string
  readonly gatewayUrl: string
  readonly allow: Allow
}

export const createActor = async (options: ActorOptions): Promise<Actor> => {
  const signer = await loadSigner(join(options.folder, 'key.pem'))
  const seen = new Map<string, string>()
  let next: Allow | undefined
  const memory = createMemoryTokenStore()
  const store: TokenStore = {
    ...memory,
    set: (key, token) => {
      seen.set(token.resource, token.accessToken)
      return memory.set(key, token)
    },
  }
  const agent = createAgent({
    clientId: options.id,
    signer,
    clock: nodeClock,
    random: nodeRandom,
    issuers: [options.issuer],
    allowPrivate: [options.issuer, options.gatewayUrl].map((url) => new URL(url).host),
    store,
    ask: ({ url, resource }) => {
      const allow = next ?? options.allow
      next = undefined
      return allow(url, resource)
    },
  })
  return {
    agent,
    signer,
    spiffeId: options.spiffeId,
    folder: options.folder,
    askNext: (allow) => {
      next = allow
    },
    bound: (resource) => {
      const token = seen.get(resource)
      if (token === undefined) throw new Error(`no token for ${resource}`)
      return { signer, token, resource }
    },
  }
}
