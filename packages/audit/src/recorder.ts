import { type Clock, type Random, toBase64url, unavailable } from '@credence/kit'
import type { Ledger } from '@credence/ledger'
import type { LedgerRecord } from '@credence/model'
import { leafHash } from '@credence/protocol/rfc9162'
import { OpenIntents } from './open-intents.ts'
import type { Alert, AuditRecorder, NewOutcome, Receipt, RecorderIdentity } from './ports.ts'
import { decodeRecord } from './record.ts'
import { createRecorderCore, emitterName, isQuestion, MAY_ARRIVE, type RecordWriter } from './recorder-core.ts'

export interface RecorderTuning {
  /** How many outcomes and refusals may wait before intents are refused. Default 10,000. */
  readonly maxBacklog?: number
  /** Called once per overdue intent and for every record that was given up. */
  readonly onAlert?: (alert: Alert) => void
  /** How often deadlines are looked at. Default 1,000; 0 switches it off. */
  readonly sweepMs?: number
}

export interface RecorderOptions extends RecorderIdentity, RecorderTuning {
  readonly ledger: Ledger
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  /** How many entries at the end of the ledger are read to find intents left open by an earlier run. Default 10,000. */
  readonly tail?: number
  /** Wait before outcomes that could not be written are tried again. Default 500. */
  readonly retryMs?: number
  /** An intent that is not durable after this long is refused. Default: it waits for the ledger. */
  readonly intentTimeoutMs?: number
}

/** The Recorder of the process that holds the domain's ledger. */
export const createRecorder = async (options: RecorderOptions): Promise<AuditRecorder> => {
  const open = new OpenIntents(options.clock)
  const known = await readTail(options, open)
  const writer = ledgerWriter(options.ledger, options.retryMs ?? 500)
  const { intentTimeoutMs } = options
  if (intentTimeoutMs === undefined) return createRecorderCore({ ...options, open, known }, writer)
  const recorder: AuditRecorder = createRecorderCore(
    {
      ...options,
      open,
      known,
    },
    {
      ...writer,
      write: (record, bytes, patient, neverWritten) => {
        const writing = writer.write(record, bytes, patient, neverWritten)
        if (patient) return writing
        const late = { neverWritten, outcome: (one: NewOutcome) => recorder.outcome(one) }
        return withinTime(record, writing, intentTimeoutMs, late)
      },
    },
  )
  return recorder
}

/**
 * INVARIANT: an intent that was refused for lateness may still arrive; if it does, it is followed by an outcome that says
 * that nothing was released, and if it never does, its number is given back.
 */
const withinTime = async (
  record: LedgerRecord,
  writing: Promise<Receipt>,
  timeoutMs: number,
  late: { readonly outcome: (one: NewOutcome) => void; readonly neverWritten: () => void },
): Promise<Receipt> => {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(unavailable(MAY_ARRIVE, 'This cannot be recorded at the moment, so it is not done.'))
    const notReleased = () => {
      if (record.kind !== 'intent') return
      const { id: intent, operation } = record
      late.outcome({ kind: 'outcome', intent, operation, status: 'failed', code: 'not_released', ms: 0 })
    }
    writing.then(notReleased, (error: unknown) => {
      if (!isQuestion(error)) late.neverWritten()
    })
  }, timeoutMs)
  try {
    return await Promise.race([writing, tooLate])
  } finally {
    clearTimeout(timer)
    writing.catch(() => undefined)
  }
}

/** What earlier runs of this emitter left open, and which records that may be owed again are already there. */
const readTail = async (options: RecorderOptions, open: OpenIntents): Promise<Map<string, Receipt>> => {
  const { ledger, tail = 10_000, emitter } = options
  const known = new Map<string, Receipt>()
  for await (const { index, entry } of ledger.entries(Math.max(0, ledger.size() - tail), ledger.size())) {
    const record = decodeOrNothing(entry)
    if (record === undefined) continue
    if (record.kind === 'outcome') open.closed(record.intent)
    if (emitterName(record.emitter) !== emitter) continue
    if (record.kind === 'intent') open.opened(record)
    if (record.kind === 'intent' || record.kind === 'reduction') {
      known.set(record.id, { index, leaf: toBase64url(leafHash(entry)) })
    }
  }
  return known
}

export const decodeOrNothing = (entry: Uint8Array): LedgerRecord | undefined => {
  try {
    return decodeRecord(entry)
  } catch {
    return undefined
  }
}

const ledgerWriter = (ledger: Ledger, retryMs: number): RecordWriter => {
  const writing = new Set<Promise<void>>()
  let failed: Uint8Array[] = []
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const append = async (bytes: Uint8Array): Promise<Receipt> => {
    const { index, leafHash: leaf } = await ledger.append(bytes)
    return { index, leaf: toBase64url(leaf) }
  }
  const attempt = (bytes: Uint8Array): void => {
    const done: Promise<void> = ledger
      .append(bytes, { patient: true })
      .then(
        () => undefined,
        () => {
          failed.push(bytes)
          retryLater()
        },
      )
      .then(() => {
        writing.delete(done)
      })
    writing.add(done)
  }
  const retryLater = (): void => {
    if (timer !== undefined || closed) return
    timer = setTimeout(retryNow, retryMs)
    timer.unref()
  }
  const retryNow = (): void => {
    clearTimeout(timer)
    timer = undefined
    const again = failed
    failed = []
    for (const bytes of again) attempt(bytes)
  }
  const drain = async (): Promise<void> => {
    retryNow()
    while (writing.size > 0) await Promise.all(writing)
  }
  return {
    write: (_record, bytes) =>
      closed ? Promise.reject(unavailable('recorder_closed', 'This process is ending.')) : append(bytes),
    spool: (_record, bytes) => attempt(bytes),
    backlog: () => writing.size + failed.length,
    drain,
    close: async () => {
      await drain()
      closed = true
      clearTimeout(timer)
    },
  }
}
