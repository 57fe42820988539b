/** Somebody else's engine with the policies of `policy-world.ts`: its answer to the request of this number. */
import type { Request, Rule, Store } from '../servers/policy-world.ts'

export interface PeerWorld {
  readonly rules: readonly Rule[]
  readonly store: Store
  readonly requests: readonly Request[]
}

export type Ask = (index: number) => boolean

/** What a rule language without entities of its own is given about a request. */
export interface Facts {
  readonly principal: { readonly id: string; readonly team: string; readonly status: string }
  readonly resource: {
    readonly id: string
    readonly server: string
    readonly name: string
    readonly effect: string
    readonly registered: boolean
  }
  readonly context: {
    readonly arguments: { readonly amount: number }
    readonly client: string
    readonly consequential: boolean
    readonly depth: number
    readonly granted: boolean
    readonly proof: string
    readonly scopes: readonly string[]
  }
}

/** Looked up in the store for each request, as ours are. */
export const factsOf = ({ agents, tools }: Store, request: Request): Facts => {
  const agent = agents.get(request.agent)
  const tool = tools.get(request.tool)
  return {
    principal: {
      id: request.agent,
      team: agent?.parents[0]?.id ?? '',
      status: String(agent?.attrs.get('status')),
    },
    resource: {
      id: request.tool,
      server: tool?.parents[0]?.id ?? '',
      name: String(tool?.attrs.get('name')),
      effect: String(tool?.attrs.get('effect')),
      registered: tool?.attrs.get('registered') === true,
    },
    context: {
      arguments: { amount: request.amount },
      client: request.client,
      consequential: true,
      depth: request.depth,
      granted: request.granted,
      proof: 'dpop',
      scopes: request.scopes,
    },
  }
}

/** `Agent::"x"` of a scope as `x`; undefined: anybody of the type. */
export const nameIn = (scope: string): string | undefined => {
  const text = /::("(?:[^"\\]|\\.)*")$/.exec(scope)?.[1]
  return text === undefined ? undefined : (JSON.parse(text) as string)
}
