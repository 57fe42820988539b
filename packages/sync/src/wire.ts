/** The feed on the wire: one question, one answer, both ends. Long polling, so that it works through any proxy. */
import { isId, refused, unavailable } from '@credence/kit'
import { parseStrict } from '@credence/kit/json'
import type { DomainId } from '@credence/model'
import * as z from 'zod'
import type { FeedEntry, FeedSource } from './types.ts'

const NUMBER = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const TEXT = z.string().max(1_000_000)
const KEY = z.string().min(1).max(4_096)
const BASE = {
  domain: z.custom<DomainId>((value) => isId('dom', value)),
  number: NUMBER.min(1),
  at: z.number().min(0),
}
const document = <K extends 'policy' | 'registry' | 'keys'>(kind: K) =>
  z.strictObject({ ...BASE, kind: z.literal(kind), version: z.string().max(1_024), body: TEXT })

const ENTRY = z.discriminatedUnion('kind', [
  z.strictObject({
    ...BASE,
    kind: z.literal('revoked'),
    keys: z.array(KEY).max(10_000),
    reason: z.string().max(4_096),
  }),
  z.strictObject({
    ...BASE,
    kind: z.literal('agent'),
    agent: z.string().max(256),
    status: z.enum(['active', 'suspended', 'retired']),
  }),
  document('policy'),
  document('registry'),
  document('keys'),
  z.strictObject({ ...BASE, kind: z.literal('task'), task: z.string().min(1).max(2_048), until: NUMBER }),
  z.strictObject({ ...BASE, kind: z.literal('epoch'), epoch: NUMBER }),
])
const QUESTION = z.strictObject({ from: NUMBER, waitMs: z.int().min(0).max(60_000) })
const ENTRIES = z.array(ENTRY).max(10_000)
const ANSWER = z.strictObject({ entries: ENTRIES, head: NUMBER, epoch: NUMBER })

export interface PollQuestion {
  readonly from: number
  readonly waitMs: number
}
export interface PollAnswer {
  readonly entries: readonly FeedEntry[]
  readonly head: number
  readonly epoch: number
}

const ANSWER_BYTES = 64 * 1_048_576
const LIMITS = { maxBytes: ANSWER_BYTES, maxDepth: 6, maxKeys: 200_000 }

/** Bytes and values of the two messages. What does not fit is refused (a question) or unavailable (an answer). */
export const feedWire = {
  encodeQuestion: (question: PollQuestion): string =>
    JSON.stringify({ from: question.from, waitMs: Math.round(question.waitMs) }),
  decodeQuestion: (body: Uint8Array | string): PollQuestion => {
    const read = QUESTION.safeParse(parseStrict(body, { maxBytes: 1_024, maxDepth: 2 }))
    if (!read.success) throw refused('feed_question_invalid', 'Ask with {"from": n, "waitMs": n}.', { status: 400 })
    return read.data
  },
  encodeAnswer: (answer: PollAnswer): string => JSON.stringify(answer),
  decodeAnswer: (body: Uint8Array | string): PollAnswer => {
    const read = ANSWER.safeParse(parseStrict(body, LIMITS))
    if (read.success) return read.data
    throw unavailable('feed_answer_invalid', 'The feed could not be read.', { detail: z.prettifyError(read.error) })
  },
} as const

/** Who sends the question: the composition root gives an undici dispatcher behind it. One attempt, no redirects. */
export type FeedSend = (request: {
  readonly method: 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
}) => Promise<{ readonly status: number; readonly body: Uint8Array | string }>

export interface HttpFeedSourceOptions {
  readonly url: string
  readonly send: FeedSend
  /** Header fields that authenticate one question (access token and its proof), made anew for each. */
  readonly authorize: (request: {
    readonly method: 'POST'
    readonly url: string
  }) => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>
}

/** A source that asks an authority over HTTP. */
export const createHttpFeedSource = (options: HttpFeedSourceOptions): FeedSource => {
  const { url, send, authorize } = options
  return {
    poll: async (from, waitMs, signal) => {
      const proof = await authorize({ method: 'POST', url })
      const response = await send({
        method: 'POST',
        url,
        headers: { ...proof, 'content-type': 'application/json', accept: 'application/json' },
        body: feedWire.encodeQuestion({ from, waitMs }),
        signal,
      })
      if (response.status !== 200) {
        throw unavailable('feed_unanswered', 'The feed did not answer.', { detail: `status ${response.status}` })
      }
      return feedWire.decodeAnswer(response.body)
    },
  }
}

/**
 * The other end, without a framework: who may ask is decided before (scope `node`). `signal` fires when the asker has
 * gone away.
 */
export const createFeedHandler =
  (source: FeedSource, options: { readonly maxWaitMs?: number } = {}) =>
  async (question: PollQuestion, signal: AbortSignal): Promise<string> =>
    feedWire.encodeAnswer(
      await source.poll(question.from, Math.min(question.waitMs, options.maxWaitMs ?? 1_000), signal),
    )
