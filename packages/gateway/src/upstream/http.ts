/**
 * An MCP server over streamable HTTP. Two ways to use it: `call` takes a message apart (needed where revisions differ
 * or an answer is filtered), `forward` passes the bytes that were decided on and streams back what comes.
 *
 * INVARIANT: header fields are built here from nothing; none of the caller's reaches the upstream.
 */
import { unavailable } from '@credence/kit'
import { requestHeaders } from '@credence/protocol/mcp/rev-2026-07-28'
import type { Dispatcher } from 'undici'
import { ACCEPT, createPost, type Fields, type Posted } from './http-post.ts'
import { createHttpSession } from './http-session.ts'
import type { Upstream, UpstreamCall } from './upstream.ts'

export interface HttpUpstreamOptions {
  /** A pool to the origin of `url`; whoever makes it decides which addresses it may connect to. */
  readonly dispatcher: Dispatcher
  readonly url: URL
}

export interface HttpUpstream extends Upstream {
  /**
   * Sends exactly these bytes; the answer goes to `sink` as it comes. Only between equal revisions. `fields` are those of
   * the revision and the upstream's credential; the session of the gateway is added here.
   */
  forward(wire: Uint8Array, fields: Fields, sink: Dispatcher.DispatchHandler): void
}

export const createHttpUpstream = ({ dispatcher, url }: HttpUpstreamOptions): HttpUpstream => {
  let last = 0
  const nextId = (): number => {
    last += 1
    return last
  }
  const post = createPost(dispatcher, url)
  const session = createHttpSession(post, nextId)

  const send = async (call: UpstreamCall): Promise<Posted> => {
    const { method, params, mirrored } = call
    const { era, protocolVersion } = await session.info()
    const fields = era === 'modern' ? requestHeaders(method, params, mirrored) : session.legacyFields(protocolVersion)
    return await post({ jsonrpc: '2.0', id: nextId(), method, params }, { ...fields, ...call.headers }, call)
  }

  return {
    info: session.info,
    call: async (call) => {
      let posted = await send(call)
      // > When a client receives HTTP 404 in response to a request containing an Mcp-Session-Id, it MUST start a new session (2025-11-25, transports).
      if (posted.status === 404 && session.id !== undefined) {
        session.reset()
        posted = await send(call)
      }
      if (posted.answer !== undefined) return posted.answer
      throw unavailable('upstream_answer', 'The server behind the gateway sent no valid answer.', {
        status: 502,
        detail: `status ${posted.status}`,
      })
    },
    forward: (wire, fields, sink) => {
      const own = session.id === undefined ? {} : { 'mcp-session-id': session.id }
      const headers = { 'content-type': 'application/json', accept: ACCEPT, ...own, ...fields }
      dispatcher.dispatch(
        { origin: url.origin, path: `${url.pathname}${url.search}`, method: 'POST', headers, body: wire },
        sink,
      )
    },
    close: () => dispatcher.close(),
  }
}
