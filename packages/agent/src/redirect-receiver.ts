/**
 * Where the browser comes back to: a listener on the loopback address with a port of its own (RFC 8252 section 7.3).
 * It lives for one authorization.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { unavailable } from '@credence/kit'

export interface RedirectReceiver {
  readonly redirectUri: string
  /** The parameters of the one request that carried our `state`; others are answered and ignored. */
  receive(state: string, signal: AbortSignal): Promise<URLSearchParams>
  close(): void
}

const STYLE =
  ':root{color-scheme:light dark}body{font:100%/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1.5rem}h1{font-size:1.5rem}'
const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

const PAGE = (text: string, next: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${text} · Credence</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body><main><h1>${text}</h1><p>${next}</p></main></body></html>`

const OURS = PAGE('The agent has your answer', 'You can close this window and go back to where you started it.')
const NOT_OURS = PAGE('Nothing is expected here', 'This address belongs to an agent that waits for another answer.')

/** RFC 8252 section 7.3: a redirect to the loopback address is registered without its port unless the port is fixed. */
export const redirectUriOf = (port: number): string => `http://127.0.0.1${port === 0 ? '' : `:${port}`}/callback`

/** `port` 0 takes any free port; a fixed one when the client is registered with it. */
export const createRedirectReceiver = async (port = 0): Promise<RedirectReceiver> => {
  let deliver: ((params: URLSearchParams) => void) | undefined
  let expected: string | undefined
  const server = createServer((req, res) => {
    const url = URL.parse(req.url ?? '/', 'http://127.0.0.1') ?? new URL('http://127.0.0.1/')
    const states = url.searchParams.getAll('state')
    const ours = req.method === 'GET' && url.pathname === '/callback' && states.length === 1 && states[0] === expected
    res.writeHead(ours ? 200 : 404, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src ${STYLE_SOURCE}; img-src data:; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
      connection: 'close',
    })
    res.end(ours ? OURS : NOT_OURS)
    if (ours) deliver?.(url.searchParams)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address() as AddressInfo
  return {
    redirectUri: redirectUriOf(address.port),
    receive: (state, signal) =>
      new Promise((resolve, reject) => {
        expected = state
        deliver = resolve
        const stop = (): void =>
          reject(unavailable('consent_timeout', 'Nobody answered the request for consent in time.'))
        if (signal.aborted) stop()
        signal.addEventListener('abort', stop, { once: true })
      }),
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
