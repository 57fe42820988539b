/**
 * `fetch` for one MCP server: adds the token and a proof for this very request, and answers what the server demands:
 * a token (401), a nonce (RFC 9449 section 9), more scope (403), patience (429 and 503 with Retry-After).
 * It fits wherever a client library takes a `fetch`, so that neither library nor model ever sees a token or a key.
 */
import { type Clock, type Random, refused, toBase64url } from '@credence/kit'
import { createProof } from '@credence/protocol/dpop'
import type { JwsSigner } from '@credence/protocol/jose'
import type { AuthorityWanted } from './authorization.ts'
import { type ChallengeParameters, challengeOf } from './challenge.ts'
import { type Discovered, isBeneath } from './discovery.ts'
import type { Nonces } from './nonces.ts'
import { MAX_WAITS, patienceFor } from './patience.ts'
import type { HeldToken } from './token-store.ts'
import { covers, scoped, scopeUnion, type Tokens } from './tokens.ts'
import { untilAborted } from './until-aborted.ts'

/** Retries of one request, each kind counted apart, so that no server can keep an agent in a circle. */
const LIMITS = { nonce: 2, token: 1, stepUp: 1, wait: MAX_WAITS } as const

export interface AuthorizedFetchDeps {
  readonly serverUrl: string
  readonly wanted: AuthorityWanted
  readonly tokens: Tokens
  readonly nonces: Nonces
  readonly signer: JwsSigner
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly discover: (hinted: string | undefined) => Promise<Discovered>
  readonly sleep: (ms: number) => Promise<void>
  /** A token before the first request: for interfaces of which it is known that they want one. */
  readonly eager?: boolean
  /** Sends what was built here. The address is the one that the agent's author named. */
  readonly send: typeof globalThis.fetch
}

type Init = NonNullable<Parameters<typeof globalThis.fetch>[1]>
export type AuthorizedFetch = (url: string | URL, init?: Init) => Promise<Response>

/** What this fetch knows of its server; shared by its requests. */
interface Knowledge {
  discovered: Discovered | undefined
  discovering: Promise<Discovered> | undefined
  scope: string | undefined
}

/** One request on its way: what it was sent with last. */
interface Attempt {
  readonly url: URL
  readonly method: string
  readonly discovered: Discovered | undefined
  readonly held: HeldToken | undefined
  readonly nonce: string | undefined
}

interface Step {
  readonly kind: keyof typeof LIMITS
  /** The token to go on with. */
  readonly run: () => Promise<HeldToken | undefined>
}

const discoverOnce = (deps: AuthorizedFetchDeps, known: Knowledge, hinted?: string): Promise<Discovered> => {
  known.discovering ??= deps
    .discover(hinted)
    .then((discovered) => {
      known.discovered = discovered
      return discovered
    })
    .finally(() => {
      known.discovering = undefined
    })
  return known.discovering
}

const obtain = (deps: AuthorizedFetchDeps, known: Knowledge, discovered: Discovered, rejected?: HeldToken) =>
  deps.tokens.obtain({
    discovered,
    wanted: { ...deps.wanted, ...scoped(known.scope) },
    ...(rejected === undefined ? {} : { rejected: rejected.accessToken }),
  })

/** 401: a first token, or another one than the one that was refused. */
const renew = async (deps: AuthorizedFetchDeps, known: Knowledge, attempt: Attempt, challenge: ChallengeParameters) => {
  // A token that was refused: the server may have moved to another authorization server. One request asks for all.
  const discovered =
    known.discovered === undefined || (attempt.held !== undefined && known.discovered === attempt.discovered)
      ? await discoverOnce(deps, known, challenge.resource_metadata)
      : known.discovered
  known.scope ??= challenge.scope ?? discovered.metadata.scopes_supported?.join(' ')
  return await obtain(deps, known, discovered, attempt.held)
}

/** 403: asks for what was asked before and what is missing, at once. Nothing is missing: the answer stands. */
const stepUp = (
  deps: AuthorizedFetchDeps,
  known: Knowledge,
  { discovered, held }: Attempt,
  { scope }: ChallengeParameters,
): Step | undefined => {
  // Asking again for what was already asked for would only ask the person twice.
  if (discovered === undefined || held === undefined || covers(scopeUnion(held.asked, held.scope), scope))
    return undefined
  return {
    kind: 'stepUp',
    run: async () => {
      known.scope = scopeUnion(known.scope, held.asked, held.scope, scope)
      return await obtain(deps, known, discovered, held)
    },
  }
}

/** What this answer asks us to do before the request is sent again; undefined: nothing, it is the caller's. */
const nextStep = (
  deps: AuthorizedFetchDeps,
  known: Knowledge,
  attempt: Attempt,
  response: Response,
): Step | undefined => {
  const { url, held, nonce } = attempt
  deps.nonces.learn(url.href, response.headers.get('dpop-nonce') ?? undefined)
  const challenge = challengeOf(response, held?.tokenType === 'Bearer' ? 'bearer' : 'dpop')
  if (response.status === 401) {
    if (challenge.error !== 'use_dpop_nonce')
      return { kind: 'token', run: () => renew(deps, known, attempt, challenge) }
    return deps.nonces.get(url.href) === nonce ? undefined : { kind: 'nonce', run: async () => held }
  }
  if (response.status === 403 && challenge.error === 'insufficient_scope')
    return stepUp(deps, known, attempt, challenge)
  const wait = patienceFor(response.status, response.headers.get('retry-after'))
  if (wait === undefined) return undefined
  return {
    kind: 'wait',
    run: async () => {
      await deps.sleep(wait)
      return held
    },
  }
}

const authorization = async (
  deps: AuthorizedFetchDeps,
  { method, url, held, nonce }: Attempt,
): Promise<Record<string, string>> => {
  if (held === undefined) return {}
  if (held.tokenType === 'Bearer') return { authorization: `Bearer ${held.accessToken}` }
  const proof = await createProof({
    signer: deps.signer,
    method,
    url: `${url.origin}${url.pathname}`,
    jti: toBase64url(deps.random.bytes(16)),
    iat: Math.floor(deps.clock.now() / 1000),
    accessToken: held.accessToken,
    ...(nonce === undefined ? {} : { nonce }),
  })
  return { authorization: `DPoP ${held.accessToken}`, dpop: proof }
}

/** INVARIANT: credentials are ours to set, and a redirect is not followed: it is the caller's to see. */
const send = async (deps: AuthorizedFetchDeps, attempt: Attempt, init: Init): Promise<Response> => {
  const headers = new Headers(init.headers)
  headers.delete('authorization')
  headers.delete('dpop')
  for (const [name, value] of Object.entries(await authorization(deps, attempt))) headers.set(name, value)
  return await deps.send(attempt.url, { ...init, method: attempt.method, headers, redirect: 'manual' })
}

/** A body that can be sent again. */
const repeatable = async (init: Init): Promise<Init> =>
  init.body instanceof ReadableStream ? { ...init, body: await new Response(init.body).arrayBuffer() } : init

/** INVARIANT: the token goes to this server and what lies below it, and nowhere else. */
const requireOurs = (base: URL, url: URL): void => {
  if (!isBeneath(base, url) || url.username !== '' || url.password !== '')
    throw refused('other_origin', 'This fetch is for one server only; it sends its token nowhere else.')
}

export const createAuthorizedFetch = (deps: AuthorizedFetchDeps): AuthorizedFetch => {
  const base = new URL(deps.serverUrl)
  const known: Knowledge = { discovered: undefined, discovering: undefined, scope: deps.wanted.scope }

  const firstToken = async (): Promise<HeldToken | undefined> => {
    if (known.discovered === undefined && deps.eager === true) await discoverOnce(deps, known)
    return known.discovered === undefined ? undefined : await obtain(deps, known, known.discovered)
  }

  return async (target, given = {}) => {
    const url = new URL(target)
    requireOurs(base, url)
    const init = await repeatable(given)
    const { signal } = init
    const left: Record<Step['kind'], number> = { ...LIMITS }
    let held = await untilAborted(firstToken(), signal)
    for (;;) {
      const attempt: Attempt = {
        url,
        method: (init.method ?? 'GET').toUpperCase(),
        discovered: known.discovered,
        held,
        nonce: deps.nonces.get(url.href),
      }
      const response = await send(deps, attempt, init)
      const step = nextStep(deps, known, attempt, response)
      if (step === undefined || left[step.kind] <= 0) return response
      left[step.kind] -= 1
      await response.body?.cancel()
      held = await untilAborted(step.run(), signal)
    }
  }
}
