/** `/v1` as the operator: the key from the data directory, tokens by client credentials, a proof for each request. */
import type { Agent, AuthorizedFetch } from '@credence/agent'
import { operatorKey, operatorPath, readOperator } from '@credence/authority/operator'
import { type CredenceError, refused, unavailable } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { signerOf } from '@credence/protocol/jose'

export interface Api {
  readonly issuer: string
  get<T>(path: string): Promise<T>
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T>
  close(): Promise<void>
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
])

const causesOf = (error: unknown): unknown[] => {
  const found: unknown[] = []
  for (let one: unknown = error; isRecord(one) && found.length < 8; one = one.cause) {
    found.push(one)
    if (one instanceof AggregateError) found.push(...one.errors)
  }
  return found
}

/** What a person can do about it, instead of the name of a system call. */
export const explainUnreachable = (error: unknown, issuer: string): unknown =>
  causesOf(error).some(isSystemError)
    ? unavailable('authority_unreachable', `Nothing answers at ${issuer}. Is \`credence up\` running there?`, {
        cause: error,
      })
    : error

const isSystemError = (error: unknown): boolean => isRecord(error) && UNREACHABLE.has(String(error.code))

const asError = (status: number, body: unknown, path: string): CredenceError => {
  const problem = isRecord(body) ? body : {}
  const code = String(problem.code ?? problem.error ?? `status_${status}`)
  const message = String(
    problem.detail ?? problem.error_description ?? problem.title ?? `${path} answered with status ${status}.`,
  )
  return status >= 500 ? unavailable(code, message, { status }) : refused(code, message, { status })
}

const parse = (text: string): unknown => {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}

export const createApi = (issuer: string, fetch: AuthorizedFetch, close: () => Promise<void>): Api => {
  const send = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const content =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const answer = await fetch(`${issuer}${path}`, { method, ...content }).catch((error: unknown) => {
      throw explainUnreachable(error, issuer)
    })
    const value = parse(await answer.text())
    if (!answer.ok) throw asError(answer.status, value, path)
    return value as T
  }
  return { issuer, get: (path) => send('GET', path), send, close }
}

const operatorOf = (dataDir: string) => {
  const file = readOperator(dataDir)
  if (file === undefined) {
    throw refused(
      'operator_missing',
      `There is no ${operatorPath(dataDir)}. Start the authority here first (credence up), or name its data directory with --data-dir.`,
    )
  }
  return file
}

/** Loaded with the first request: most of what starts here never makes one. */
const operatorAgent = async (file: ReturnType<typeof operatorOf>): Promise<Agent> => {
  const { createAgent } = await import('@credence/agent')
  return createAgent({
    clientId: file.clientId,
    signer: signerOf(operatorKey(file)),
    clock: nodeClock,
    random: nodeRandom,
    allowPrivate: [new URL(file.issuer).host],
  })
}

/** `revoke` opens only what takes authority away, and is given while the disk is full, when `admin` is not. */
export type ApiScope = 'admin' | 'revoke'

export const operatorApi = (dataDir: string, scope: ApiScope = 'admin'): Api => {
  const file = operatorOf(dataDir)
  const { issuer } = file
  let agent: Promise<Agent> | undefined
  let fetch: Promise<AuthorizedFetch> | undefined
  const opened = (): Promise<AuthorizedFetch> => {
    agent ??= operatorAgent(file)
    fetch ??= agent.then((one) => one.apiFetch(issuer, `${issuer}/v1`, scope))
    return fetch
  }
  return createApi(
    issuer,
    async (...request) => (await opened())(...request),
    async () => (await agent)?.close(),
  )
}
