/**
 * Somebody else's decision point for what goes through the gateway: instead of the domain's own policies, or beside them.
 * INVARIANT: with the setting there is no way around it; what it does not answer is refused.
 */
import { readFileSync } from 'node:fs'
import type { Decider } from '@credence/guard'
import type { AuthZenDeciderOptions } from '@credence/guard/authzen'
import { refused, toCredenceError } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import type { JsonObject } from '@credence/kit/json'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { Logger } from '@credence/kit/telemetry'
import { keyFile, readIdentity } from '../identities.ts'
import type { Settings } from '../settings.ts'
import { createCallerShare } from './caller-share.ts'
import { requireHttps } from './host.ts'
import { type Pem, rotatingCertificate } from './rotating-certificate.ts'

type Setting = NonNullable<Settings['decisionPoint']>

export interface RemoteDecisions {
  /** What decides on what goes through the gateway; `find`: the mapping of a tool in the registry. */
  readonly around: (own: Decider, find: Find) => Decider
  close(): Promise<void>
}

const PER_MINUTE = 60_000
const MAXIMUM = 65_536
/** Connections to the decision point. */
const KEPT = 32

const unreadable = (setting: string, path: string, cause: unknown) =>
  refused('config_invalid', `${setting}: ${path} cannot be read.`, { status: 400, cause })

const textOf = (setting: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw unreadable(setting, path, cause)
  }
}

const FRESH_MS = 30_000

/** Read again after half a minute, so that what rotates the file need not know of this process. */
const headerFromFile = (file: string, name: string): NonNullable<AuthZenDeciderOptions['headers']> => {
  const read = () => ({ at: nodeClock.monotonic(), value: textOf('decisionPoint.credentials.file', file) })
  let held = read()
  return () => {
    if (nodeClock.monotonic() - held.at > FRESH_MS) held = read()
    return { [name]: held.value }
  }
}

/** The runtime's `fetch` on top of the safe fetcher, for the agent that adds token and proof. */
const asFetch =
  (fetch: SafeFetch, timeoutMs: number): typeof globalThis.fetch =>
  async (url, init = {}) => {
    const { status, headers, bytes } = await fetch(String(url), {
      method: init.method === 'POST' ? 'POST' : 'GET',
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(typeof init.body === 'string' ? { body: init.body } : {}),
      ...(init.signal == null ? {} : { signal: init.signal }),
      maxBytes: MAXIMUM,
      timeoutMs,
    })
    const { 'content-encoding': _coding, 'content-length': _length, ...rest } = headers
    return new Response(status === 204 ? null : Buffer.from(bytes), { status, headers: rest })
  }

/** Questions with a token that is bound to the agent's key, and a proof for each; metadata as anybody reads it. */
const asAgent = async (identity: string, fetch: SafeFetch, timeoutMs: number, allowPrivate: readonly string[]) => {
  const { createAgent, loadSigner } = await import('@credence/agent')
  const { clientId, issuer } = readIdentity(identity)
  const agent = createAgent({
    clientId,
    signer: await loadSigner(keyFile(identity)),
    clock: nodeClock,
    random: nodeRandom,
    allowPrivate,
    fetch,
    send: asFetch(fetch, timeoutMs),
  })
  const authorized = agent.apiFetch(issuer, `${issuer}/v1`, 'decide')
  const asked: SafeFetch = async (url, request = {}) => {
    if (request.method !== 'POST') return await fetch(url, request)
    const { headers = {}, body, signal } = request
    const answer = await authorized(url, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : null,
      ...(signal === undefined ? {} : { signal }),
    })
    const fields = Object.fromEntries(answer.headers)
    return { status: answer.status, headers: fields, bytes: new Uint8Array(await answer.arrayBuffer()), url }
  }
  return { fetch: asked, close: () => agent.close() }
}

/** PEM files: who we are to a decision point that asks for a client certificate. */
const readPem = ({ cert, key }: { readonly cert: string; readonly key: string }): Pem => ({
  cert: textOf('decisionPoint.credentials.cert', cert),
  key: textOf('decisionPoint.credentials.key', key),
})

const fetchFor = async (setting: Setting, allowPrivate: readonly string[], log: Logger) => {
  const { createSafeFetch } = await import('@credence/kit/fetch')
  const perMinute = setting.perMinute ?? PER_MINUTE
  const make = (certificate?: Pem) =>
    createSafeFetch({
      clock: nodeClock,
      allowPrivate,
      perHostPerMinute: perMinute,
      totalPerMinute: 2 * perMinute,
      ...(certificate === undefined ? {} : { certificate }),
      keepConnections: KEPT,
      ports: [setting.url, setting.endpoint ?? setting.url]
        .map((text) => Number(new URL(text).port))
        .filter((port) => port > 0),
      ...(setting.ca === undefined ? {} : { ca: [textOf('decisionPoint.ca', setting.ca)] }),
    })
  const { credentials } = setting
  if (credentials?.type !== 'certificate') return make()
  return rotatingCertificate({
    clock: nodeClock,
    read: () => readPem(credentials),
    make,
    onRefused: (error) => {
      const { code, message } = toCredenceError(error)
      log.warn('decision_point_certificate_kept', { code, detail: message })
    },
  })
}

const connect = async (setting: Setting, allowPrivate: readonly string[], log: Logger) => {
  const fetch = await fetchFor(setting, allowPrivate, log)
  const { credentials, timeoutMs = 1000 } = setting
  if (credentials?.type !== 'agent') {
    if (credentials?.type !== 'header') return { fetch, close: fetch.close }
    const { file, name = 'authorization' } = credentials
    return { fetch, close: fetch.close, headers: headerFromFile(file, name) }
  }
  const agent = await asAgent(credentials.identity, fetch, timeoutMs, allowPrivate)
  return {
    fetch: agent.fetch,
    close: async () => {
      await agent.close()
      await fetch.close()
    },
  }
}

type Find = (resource: string, tool: string) => JsonObject | undefined

const remotely = async (setting: Setting, allowPrivate: readonly string[], log: Logger): Promise<RemoteDecisions> => {
  requireHttps(setting.url, 'decisionPoint.url')
  if (setting.endpoint !== undefined) requireHttps(setting.endpoint, 'decisionPoint.endpoint')
  const { bothMustPermit, coazRequests, createAuthZenDecider, mappingsOf } = await import('@credence/guard/authzen')
  const { fetch, close, ...credentials } = await connect(setting, allowPrivate, log)
  const { url, endpoint, mode, name = new URL(url).host, timeoutMs } = setting
  const charge = createCallerShare(nodeClock, setting.perMinute ?? PER_MINUTE)
  const deciderFor = (find: Find): Decider => {
    const requests = coazRequests(mappingsOf(find))
    return createAuthZenDecider({
      ...(endpoint === undefined ? { decisionPoint: url, clock: nodeClock } : { url: endpoint }),
      ...credentials,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      name,
      fetch,
      random: nodeRandom,
      request: async (operation, caller) => {
        const questions = await requests(operation, caller)
        charge(caller.clientId, questions.length)
        return questions
      },
      onError: (error) => {
        const { code, detail } = toCredenceError(error)
        log.warn('decision_point_failed', { point: name, code, detail })
      },
    })
  }
  return {
    around: (own, find) => (mode === 'instead' ? deciderFor(find) : bothMustPermit(own, deciderFor(find))),
    close,
  }
}

/** Without the setting: the domain's own policies, and nothing is loaded. */
export const remoteDecisions = async (
  { decisionPoint, allowPrivate }: Pick<Settings, 'decisionPoint' | 'allowPrivate'>,
  log: Logger,
): Promise<RemoteDecisions> =>
  decisionPoint === undefined
    ? { around: (own) => own, close: async () => undefined }
    : remotely(decisionPoint, allowPrivate, log)
