/**
 * A stdio MCP server for clients that can do none of this: they write plain messages, the bridge carries each to the
 * gateway with a token and a proof, and writes back what comes. It adds nothing and hides nothing; keys and tokens stay
 * on this side. INVARIANT: nothing but MCP is written to the output, and every request gets one answer there, unless it
 * was cancelled.
 */
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { AuthorizedFetch } from '@credence/agent'
import { toCredenceError } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import {
  errorResponse,
  errorResponseOf,
  MCP_ERRORS,
  type McpMessage,
  type McpRequest,
  parseMessage,
} from '@credence/protocol/mcp'
import { readAnswers } from './answers.ts'
import { createFields, type Fields } from './fields.ts'
import { readLines, TOO_LONG } from './lines.ts'

export interface BridgeOptions {
  readonly serverUrl: string
  readonly fetch: AuthorizedFetch
  readonly input: Readable
  readonly output: Writable
  /** For the person at the terminal; standard output belongs to the protocol. */
  readonly tell: (line: string) => void
  /** Milliseconds that running calls have when the input has ended. Default 30,000. */
  readonly graceMs?: number
}

const MAX_LINE = 4 * 1024 * 1024
const GRACE_MS = 30_000

interface Bridge extends BridgeOptions {
  readonly fields: Fields
  readonly running: Map<string | number, AbortController>
  /** The client is gone. */
  readonly gone: AbortController
}

/** Waits for a client that reads slowly; one that is gone ends all calls. */
const write = async ({ output, gone }: Bridge, line: string): Promise<void> => {
  if (gone.signal.aborted || output.write(`${line}\n`)) return
  await once(output, 'drain', { signal: gone.signal }).catch(() => {})
}

const fail = async (bridge: Bridge, id: McpRequest['id'] | undefined, error: unknown): Promise<void> => {
  const { kind, message, detail } = toCredenceError(error)
  // The person at this terminal is who can do something about it.
  bridge.tell(kind === 'bug' ? `${message} (${String(detail).split('\n', 1)[0]})` : message)
  if (id !== undefined) await write(bridge, JSON.stringify(errorResponse(id, MCP_ERRORS.internalError, message)))
}

const exchange = async (bridge: Bridge, message: McpMessage, line: Uint8Array, signal: AbortSignal): Promise<void> => {
  const response = await bridge.fetch(bridge.serverUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...bridge.fields.of(message),
    },
    body: line,
    signal,
  })
  const id = message.kind === 'request' ? message.id : undefined
  for await (const answer of readAnswers(response, id)) {
    if (answer.final) bridge.fields.learn(message, answer.message)
    if (id !== undefined && !signal.aborted) await write(bridge, answer.line)
  }
}

/** Known from now on, so that it can be cancelled before its turn comes. `turn`: what it has to wait for. */
const carry = async (bridge: Bridge, message: McpMessage, line: Uint8Array, turn: Promise<void>): Promise<void> => {
  const id = message.kind === 'request' ? message.id : undefined
  const controller = new AbortController()
  if (id !== undefined) bridge.running.set(id, controller)
  const signal = AbortSignal.any([controller.signal, bridge.gone.signal])
  try {
    await turn
    if (!signal.aborted) await exchange(bridge, message, line, signal)
  } catch (error) {
    if (!signal.aborted) await fail(bridge, id, error)
  } finally {
    if (id !== undefined) bridge.running.delete(id)
  }
}

/** > On Streamable HTTP, closing the response stream is itself the cancellation signal (2026-07-28). */
const cancel = ({ running }: Bridge, { requestId }: JsonObject): void => {
  if (typeof requestId === 'string' || typeof requestId === 'number') running.get(requestId)?.abort()
}

/** The message of a line; undefined when there is nothing to carry, or when it was answered here. */
const messageOf = async (bridge: Bridge, line: Uint8Array | typeof TOO_LONG): Promise<McpMessage | undefined> => {
  try {
    if (line === TOO_LONG) {
      const text = 'The message is too long.'
      await write(bridge, JSON.stringify(errorResponse(undefined, MCP_ERRORS.invalidRequest, text)))
      return undefined
    }
    if (Buffer.from(line).toString('latin1').trim() === '') return undefined
    const message = parseMessage(line, { maxBytes: MAX_LINE })
    if (message.kind === 'response') return undefined
    if (message.kind === 'notification' && message.method === 'notifications/cancelled') {
      cancel(bridge, message.params)
      return undefined
    }
    if (message.kind !== 'request' || !bridge.running.has(message.id)) return message
    await write(bridge, JSON.stringify(errorResponse(message.id, MCP_ERRORS.invalidRequest, 'This id is in use.')))
  } catch (error) {
    await write(bridge, JSON.stringify(errorResponseOf(toCredenceError(error))))
  }
  return undefined
}

const carryAll = async (bridge: Bridge): Promise<void> => {
  const calls = new Set<Promise<void>>()
  let begun: Promise<void> = Promise.resolve()
  for await (const line of readLines(bridge.input, MAX_LINE)) {
    const message = await messageOf(bridge, line)
    if (message === undefined || message.kind === 'response' || line === TOO_LONG) continue
    // What follows the handshake waits for it: its fields depend on the version that was agreed.
    const isHandshake = message.method === 'initialize'
    const call = carry(bridge, message, line, isHandshake ? Promise.resolve() : begun)
    if (isHandshake) begun = call
    calls.add(call)
    void call.finally(() => calls.delete(call))
  }
  const timer = setTimeout(() => bridge.gone.abort(), bridge.graceMs ?? GRACE_MS)
  await Promise.all(calls)
  clearTimeout(timer)
}

/** Resolves when the input has ended and every running call has been answered, or has been given up. */
export const runBridge = async (options: BridgeOptions): Promise<void> => {
  const gone = new AbortController()
  const leave = (): void => {
    gone.abort()
    options.input.destroy()
  }
  options.output.on('error', leave)
  options.output.once('close', leave)
  const bridge: Bridge = { ...options, fields: createFields(), running: new Map(), gone }
  try {
    await carryAll(bridge)
  } catch (error) {
    if (!gone.signal.aborted) throw error
  } finally {
    options.output.off('close', leave)
  }
}
