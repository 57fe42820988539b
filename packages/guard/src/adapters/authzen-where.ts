/** Which URLs a decision point may be asked at: the rules that hold whoever configured it, and whatever its metadata says. */
import { unavailable } from '@credence/kit'
import { isLoopbackHost } from '@credence/protocol/oauth'

const refusedPlace = (detail: string) =>
  unavailable('decider_unavailable', 'No decision could be made, so the answer is no.', { detail })

/** INVARIANT: questions, credentials and answers never travel unencrypted beyond this machine. */
export const requireEncrypted = (url: string): string => {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))) return url
  throw refusedPlace(`a decision point is asked over https, or on this machine: ${url}`)
}

/**
 * INVARIANT: a header field that authenticates us is good everywhere, so it goes to the origin that was configured, whatever
 * the metadata says.
 */
export const requireOrigin = (url: string, configured: string): string => {
  const { origin } = new URL(url)
  if (origin === new URL(configured).origin) return url
  throw refusedPlace(`credentials are not sent to ${origin}, which the metadata names: configure the endpoint itself`)
}
