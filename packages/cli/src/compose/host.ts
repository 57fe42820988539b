/** What `up` and `gateway` have in common: the process, its log, TLS, and where it listens. */
import { readFileSync } from 'node:fs'
import type { CertificateCaller } from '@credence/authority'
import type { Gateway } from '@credence/gateway'
import { type Clock, refused } from '@credence/kit'
import { createHttpServer, type HttpServer } from '@credence/kit/http'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { createLogger, type Logger, type Tracing } from '@credence/kit/telemetry'
import { isLoopback, type Settings } from '../settings.ts'

export const hostLog = (settings: Settings): Logger => createLogger({ clock: nodeClock, level: settings.logLevel })

const readPem = (path: string, setting: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw refused('config_invalid', `${setting}: ${path} cannot be read.`, { status: 400, cause })
  }
}

export const tlsOf = ({
  tlsCert,
  tlsKey,
}: Pick<Settings, 'tlsCert' | 'tlsKey'>): { tls?: { cert: string; key: string } } => {
  if (tlsCert === undefined && tlsKey === undefined) return {}
  if (tlsCert === undefined || tlsKey === undefined)
    throw refused('config_invalid', 'tlsCert and tlsKey belong together: give both or none.', { status: 400 })
  return { tls: { cert: readPem(tlsCert, 'tlsCert'), key: readPem(tlsKey, 'tlsKey') } }
}

/** Enforcement points with client certificates; their authorities are read here. */
export const decisionCallersOf = ({ decisionCallers, tlsCert }: Settings): readonly CertificateCaller[] => {
  const callers = Object.entries(decisionCallers)
  if (callers.length > 0 && tlsCert === undefined)
    throw refused(
      'config_invalid',
      'decisionCallers: client certificates need TLS at this listener. Give tlsCert and tlsKey; behind a proxy that ends TLS, callers use tokens.',
      { status: 400 },
    )
  return callers.map(([name, caller]) => ({
    name,
    agent: caller.agent,
    by:
      'thumbprint' in caller
        ? { kind: 'hash', sha256: caller.thumbprint.replaceAll(':', '').toLowerCase() }
        : { kind: 'authority', ca: readPem(caller.ca, `decisionCallers.${name}.ca`), san: caller.san },
  }))
}

/** INVARIANT: tokens and proofs never travel unencrypted beyond this machine. */
export const requireHttps = (text: string, setting: string): void => {
  const { protocol, hostname } = new URL(text)
  if (protocol === 'https:' || isLoopback(hostname)) return
  throw refused('config_invalid', `${setting}: ${text} must be https, since it is not this machine alone.`, {
    status: 400,
  })
}

/** Where to listen when nobody says: the port of the public URL. */
export const portOf = (text: string, configured: number | undefined): number => {
  if (configured !== undefined) return configured
  const { port, protocol } = new URL(text)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

export const gatewayListener = (
  settings: Settings,
  { routes, onServed }: Pick<Gateway, 'routes' | 'onServed'>,
  log: Logger,
  tracing: Tracing | undefined,
): HttpServer =>
  createHttpServer({
    routes,
    onServed,
    ...(tracing === undefined ? {} : { tracing }),
    ...tlsOf(settings),
    trustedProxies: settings.trustedProxies,
    log,
    clock: nodeClock satisfies Clock,
    random: nodeRandom,
    headers: {},
  })

export const listen = async (server: HttpServer, port: number, host: string): Promise<number> => {
  try {
    return (await server.listen(port, host)).port
  } catch (cause) {
    throw cannotListen(cause, port)
  }
}

export const cannotListen = (cause: unknown, port: number): unknown =>
  (cause as { code?: string }).code === 'EADDRINUSE'
    ? refused(
        'port_in_use',
        `Port ${port} is in use. Is another credence running? Stop it, or choose other ports with --issuer and --gateway-url.`,
        { cause },
      )
    : cause
