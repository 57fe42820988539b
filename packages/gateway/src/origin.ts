/** DNS rebinding: a page of another site must not reach a gateway on this host through a browser (MCP, streamable HTTP, security). */
import { refused } from '@credence/kit'
import type { EdgeRequest } from '@credence/kit/http'

export interface OriginRules {
  /** `host[:port]` under which the gateway is called: of its public URL, and others that the owner names. */
  readonly hosts: readonly string[]
  /** Origins of web clients that the owner allows. Default none. */
  readonly origins: readonly string[]
}

export const checkOrigin = (request: EdgeRequest, { hosts, origins }: OriginRules): void => {
  const host = request.headers.get('host')?.toLowerCase()
  if (host === undefined || !hosts.includes(host))
    throw refused('host_refused', 'This host is not served here.', { status: 403 })
  const origin = request.headers.get('origin')
  if (origin !== undefined && !origins.includes(origin))
    throw refused('origin_refused', 'Requests from this origin are not accepted.', { status: 403 })
}
