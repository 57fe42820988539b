/**
 * Envoy's external authorization over HTTP (`ext_authz` with `http_service`), decided by a domain's decision point. Any
 * gateway that asks a service before it lets a request through can be put in its place: 200 is yes, everything else no.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAgent, loadOrCreateSigner } from '@credence/agent'
import { nodeClock as clock, nodeKeys, nodeRandom as random } from '@credence/kit/node'

const issuer = process.env.ISSUER ?? 'http://localhost:7420'
const agent = createAgent({
  clientId: process.env.AGENT ?? '',
  signer: await loadOrCreateSigner(process.env.KEY ?? 'agent.pem', nodeKeys),
  clock,
  random,
  allowPrivate: [new URL(issuer).host],
})
/** Every request carries a token with the scope `decide` and a proof of this program's own key. */
const ask = agent.apiFetch(issuer, `${issuer}/v1`, 'decide')

/** What could mean another path to the service behind is not asked about, but refused. */
const pathOf = (url = ''): string | undefined => {
  const [path = ''] = url.split('?', 1)
  return /^\/(?!.*(?:\/\/|\/\.{1,2}(?:\/|$)|[%\\;]))/.test(path) ? path : undefined
}

/** Envoy has verified the person's token (`jwt_authn`) and writes this field itself; see docs/authzen.md. */
const subjectOf = ({ headers }: IncomingMessage): string | undefined =>
  typeof headers['x-user'] === 'string' && headers['x-user'] !== '' ? headers['x-user'] : undefined

interface Answer {
  readonly decision?: unknown
  readonly context?: { readonly obligations?: readonly unknown[] }
}

/** This program meets no obligation (AuthZEN Profile for Obligations), so a yes that demands one is a no. */
const isPlainYes = ({ decision, context }: Answer): boolean =>
  decision === true && (context?.obligations ?? []).length === 0

const isAllowed = async (request: IncomingMessage): Promise<boolean> => {
  const [user, path] = [subjectOf(request), pathOf(request.url)]
  if (user === undefined || path === undefined) return false
  const answer = await ask(`${issuer}/access/v1/evaluation`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      subject: { type: 'user', id: user },
      action: { name: request.method },
      resource: { type: 'route', id: path },
    }),
    signal: AbortSignal.timeout(2000),
  })
  return answer.status === 200 && isPlainYes((await answer.json()) as Answer)
}

const server = createServer((request, response) => {
  // Whatever goes wrong is a no.
  isAllowed(request)
    .catch(() => false)
    .then((allowed) => response.writeHead(allowed ? 200 : 403).end())
})
server.listen(Number(process.env.PORT ?? 8081), '127.0.0.1', () => {
  console.log('listening', (server.address() as AddressInfo).port)
})
