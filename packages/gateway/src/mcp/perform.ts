/** The send step of the gateway: what each method does once it was decided on and recorded. */
import type { Decider, Release, Send, Sent } from '@credence/guard'
import type { Random } from '@credence/kit'
import type { EdgeRequest, EdgeResponse } from '@credence/kit/http'
import { MCP_ERRORS, type McpRequest, mcpRefused } from '@credence/protocol/mcp'
import * as legacy from '@credence/protocol/mcp/rev-2025-11-25'
import * as modern from '@credence/protocol/mcp/rev-2026-07-28'
import type { GatewayServer } from '../server.ts'
import type { HttpUpstream } from '../upstream/http.ts'
import type { JsonObject, Upstream, UpstreamInfo } from '../upstream/upstream.ts'
import { type Answer, accepted, createAnswer } from './answer.ts'
import { forward } from './forward.ts'
import type { Asked } from './read.ts'
import { listTools } from './tools.ts'
import { errorFor, offeredCapabilities, paramsFor, resultFor, revisionOfEra } from './translate.ts'

export interface PerformDeps {
  readonly decider: Decider
  readonly random: Random
  /** Milliseconds that a server behind the gateway may take for one call. */
  readonly callTimeoutMs: number
}

/** Answers that only pass through: never cached, never filtered. */
const FORWARDED = new Set(['tools/call', 'prompts/get', 'completion/complete'])

const canForward = (upstream: Upstream): upstream is HttpUpstream => 'forward' in upstream

interface Doing extends Asked {
  readonly message: McpRequest
  readonly request: EdgeRequest
  readonly server: GatewayServer
  readonly info: UpstreamInfo
  readonly answer: Answer
  /** Ends with the caller or with the time; made when somebody needs it. */
  readonly signal: () => AbortSignal
}

export const perform =
  (asked: Asked, request: EdgeRequest, server: GatewayServer, deps: PerformDeps): Send<EdgeResponse> =>
  async (release) => {
    const { message } = asked
    if (message.kind === 'notification') return accepted
    const info = await asked.upstream.info()
    const { res } = request.raw
    const streams = (request.headers.get('accept') ?? '').includes('text/event-stream')
    const answer = createAnswer(message.id, res, streams)
    const signal = endOfCall(request, deps.callTimeoutMs)
    const doing: Doing = { ...asked, message, request, server, info, answer, signal }
    const own = await ownAnswer(doing, release, deps)
    if (own !== undefined) return answer.end({ result: resultFor(message.method, own, asked.revision, info) })
    // Whoever had to be woken up or asked first: much may have happened meanwhile.
    release.stillStands()
    return passesThrough(doing) ? forwardCall(doing, release, deps.callTimeoutMs) : translateCall(doing, release)
  }

/**
 * A call that only passes through needs no signal. NOTE: `AbortSignal.any` with `AbortSignal.timeout` cost as much as a
 * third of a signature; a controller and a timer that is cleared do not.
 */
const endOfCall = ({ raw: { res } }: Pick<EdgeRequest, 'raw'>, timeoutMs: number): (() => AbortSignal) => {
  let abort: AbortController | undefined
  return () => {
    if (abort !== undefined) return abort.signal
    const made = new AbortController()
    abort = made
    const end = (): void => made.abort()
    if (res.destroyed && !res.writableFinished) end()
    const timer = setTimeout(end, timeoutMs)
    res.once('close', () => {
      clearTimeout(timer)
      if (!res.writableFinished) end()
    })
    return made.signal
  }
}

/** INVARIANT: what is called has the definition that was decided on. */
const toolChanged = ({ id }: McpRequest) =>
  mcpRefused(MCP_ERRORS.invalidParams, 'mcp_tool_changed', 'The tool has changed since this call was decided on.', {
    id,
    status: 409,
  })

const aboutServer = ({ serverInfo, instructions, capabilities }: UpstreamInfo) => ({
  serverInfo,
  capabilities: offeredCapabilities(capabilities),
  ...(instructions === undefined ? {} : { instructions }),
})

/** What the gateway answers itself, from what it knows of the server. */
const ownAnswer = async (
  { message, revision, server, upstream, tool, info, signal }: Doing,
  release: Release,
  deps: PerformDeps,
): Promise<JsonObject | undefined> => {
  switch (message.method) {
    case 'ping':
      return {}
    case 'initialize':
      return legacy.initializeResult({
        ...aboutServer(info),
        protocolVersion: legacy.negotiateVersion(legacy.parseInitialize(message).protocolVersion),
      })
    case 'server/discover':
      return modern.discoverResult({
        ...aboutServer(info),
        supportedVersions: [modern.VERSION, ...legacy.SUPPORTED_VERSIONS],
      })
    case 'tools/list': {
      if (message.params.cursor !== undefined)
        throw mcpRefused(MCP_ERRORS.invalidParams, 'mcp_cursor_unknown', 'This cursor is not known.', {
          id: message.id,
        })
      const catalog = await server.catalogs.refresh(upstream, signal())
      const list = await listTools(catalog.values(), { ...deps, release, server, signal: signal() })
      // INVARIANT: deciding may take seconds; whoever was revoked meanwhile learns nothing.
      release.stillStands()
      return list
    }
    case 'tools/call': {
      const now = server.catalogs.known(upstream)?.get(tool?.name ?? '')
      if (tool !== undefined && now?.hash === tool.hash) return undefined
      if (tool !== undefined) throw toolChanged(message)
      throw mcpRefused(MCP_ERRORS.invalidParams, 'mcp_tool_unknown', 'There is no such tool.', {
        id: message.id,
        status: revision === '2026-07-28' ? 400 : 200,
      })
    }
    default:
      return undefined
  }
}

const passesThrough = ({ message, revision, upstream, info }: Doing): boolean =>
  canForward(upstream) && FORWARDED.has(message.method) && revisionOfEra(info.era) === revision

const forwardCall = async (
  { message, upstream, revision, tool, info, request }: Doing,
  release: Release,
  timeoutMs: number,
): Promise<Sent<EdgeResponse>> => {
  const fields =
    revision === '2026-07-28'
      ? modern.requestHeaders(message.method, message.params, tool?.mirrored)
      : { 'mcp-protocol-version': info.protocolVersion }
  if (!canForward(upstream) || release.wire === undefined) throw new TypeError('forwarded without a wire')
  return await forward(upstream, release.wire, { ...fields, ...release.headers }, request.raw.res, timeoutMs)
}

/** INVARIANT: `params` come from the message that was mapped, and the message is frozen with the operation. */
const translateCall = async (
  { message, revision, upstream, info, tool, answer, signal }: Doing,
  release: Release,
): Promise<Sent<EdgeResponse>> => {
  const answered = await upstream.call({
    method: message.method,
    params: paramsFor(message.params, info.era),
    headers: release.headers,
    ...(tool === undefined ? {} : { mirrored: tool.mirrored }),
    signal: signal(),
    onNotification: answer.notify,
  })
  if ('error' in answered) return answer.end({ error: errorFor(answered.error, revision) })
  return answer.end({ result: resultFor(message.method, answered.result, revision, info) })
}
