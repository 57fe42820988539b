/**
 * Where a decision point answers: told, or found in its metadata.
 *
 * INVARIANT: metadata counts only if it names the very decision point that was configured (mix-up defence).
 */
import type { Clock } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { parseStrict } from '@credence/kit/json'
import { metadataUrl, parsePdpMetadata } from '@credence/protocol/authzen'

export interface Endpoint {
  readonly url: string
  /** What the decision point says it may demand; undefined where it says nothing. */
  readonly obligations: readonly string[] | undefined
}

export interface DiscoveryOptions {
  /** The decision point's own URL, as its `policy_decision_point` says it. */
  readonly decisionPoint: string
  readonly fetch: SafeFetch
  readonly clock: Pick<Clock, 'monotonic'>
  readonly timeoutMs: number
}

const FRESH_MS = 600_000
const MAXIMUM = 65_536

const discover = async ({ decisionPoint, fetch, timeoutMs }: DiscoveryOptions): Promise<Endpoint> => {
  const answer = await fetch(metadataUrl(decisionPoint), {
    headers: { accept: 'application/json' },
    maxBytes: MAXIMUM,
    timeoutMs,
    contentTypes: ['application/json'],
  })
  if (answer.status !== 200) throw new Error(`the metadata was answered with ${answer.status}`)
  const metadata = parsePdpMetadata(parseStrict(answer.bytes), decisionPoint)
  return { url: metadata.access_evaluation_endpoint, obligations: metadata.supported_obligations }
}

/** Asked for at the first decision and every ten minutes; one request, however many decisions wait for it. */
export const discoveredEndpoint = (options: DiscoveryOptions): (() => Promise<Endpoint>) => {
  let known: { readonly endpoint: Promise<Endpoint>; readonly at: number } | undefined
  return () => {
    const now = options.clock.monotonic()
    if (known !== undefined && now - known.at < FRESH_MS) return known.endpoint
    const asked = { endpoint: discover(options), at: now }
    known = asked
    // What failed is not remembered: the next decision asks anew.
    asked.endpoint.catch(() => {
      if (known === asked) known = undefined
    })
    return asked.endpoint
  }
}
