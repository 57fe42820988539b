import { setTimeout as wait } from 'node:timers/promises'
import { type Clock, isCredenceError, type Random, unavailable } from '@credence/kit'
import type { LedgerRecord } from '@credence/model'
import type { IntakeAnswer } from './intake.ts'
import type { Alert, AuditRecorder, Receipt, RecorderIdentity } from './ports.ts'
import type { RecorderTuning } from './recorder.ts'
import { createRecorderCore, MAY_ARRIVE, type RecordWriter } from './recorder-core.ts'

export interface NetworkRecorderOptions extends RecorderIdentity, RecorderTuning {
  /**
   * Posts a batch to `<issuer>/v1/records` as `{"records": [...]}` and answers its `{"results": [...]}`, one per record
   * in order. Throws when the authority cannot be reached; the same records are then sent again.
   */
  readonly send: (records: readonly LedgerRecord[], signal: AbortSignal) => Promise<readonly IntakeAnswer[]>
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  /** An intent that is not acknowledged after this long is refused. Default 2,000. */
  readonly intentTimeoutMs?: number
  /** Records in one batch. Default 256. */
  readonly maxBatch?: number
  /** Wait before a failed batch is sent again. Default 100. */
  readonly retryMs?: number
}

interface Item {
  readonly record: LedgerRecord
  readonly done: (receipt: Receipt) => void
  readonly failed: (error: unknown) => void
  sent: boolean
}

/** The Recorder of a process whose domain's ledger is elsewhere. */
export const createNetworkRecorder = (options: NetworkRecorderOptions): AuditRecorder => {
  const sender = new BatchSender(options)
  const timeout = options.intentTimeoutMs ?? 2_000
  const give = (record: LedgerRecord, error: unknown): void =>
    options.onAlert?.({ kind: 'lost', record, error } satisfies Alert)
  const writer: RecordWriter = {
    write: (record, _bytes, patient) => (patient ? sender.send(record) : withinTime(sender, record, timeout, recorder)),
    spool: (record) => {
      sender.send(record).catch((error: unknown) => give(record, error))
    },
    backlog: () => sender.waiting,
    drain: () => sender.drain(),
    close: () => sender.close(),
  }
  const recorder: AuditRecorder = createRecorderCore(options, writer)
  return recorder
}

/**
 * INVARIANT: an intent that was refused for lateness may still arrive, so it is followed by an outcome that says that
 * nothing was released.
 */
const withinTime = async (
  sender: BatchSender,
  record: LedgerRecord,
  timeoutMs: number,
  recorder: Pick<AuditRecorder, 'outcome'>,
): Promise<Receipt> => {
  const sending = sender.send(record)
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const unsent = sender.forget(record)
    const code = unsent ? 'record_unsent' : MAY_ARRIVE
    reject(unavailable(code, 'This cannot be recorded at the moment, so it is not done.'))
    if (unsent || record.kind !== 'intent') return
    const { id: intent, operation } = record
    recorder.outcome({ kind: 'outcome', intent, operation, status: 'failed', code: 'not_released', ms: 0 })
  }, timeoutMs)
  try {
    return await Promise.race([sending, late])
  } finally {
    clearTimeout(timer)
    sending.catch(() => undefined)
  }
}

/** One request at a time; what gathers meanwhile is the next batch. */
class BatchSender {
  readonly #options: NetworkRecorderOptions
  readonly #abort = new AbortController()
  #queue: Item[] = []
  #inFlight = 0
  #running: Promise<void> | undefined

  constructor(options: NetworkRecorderOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#queue.length + this.#inFlight
  }

  send(record: LedgerRecord): Promise<Receipt> {
    if (this.#abort.signal.aborted) return Promise.reject(unavailable('recorder_closed', 'This process is ending.'))
    return new Promise((done, failed) => {
      this.#queue.push({ record, done, failed, sent: false })
      this.#running ??= this.#run()
    })
  }

  /** Takes a record back that was never sent; false when it may have arrived. */
  forget(record: LedgerRecord): boolean {
    const at = this.#queue.findIndex((item) => item.record === record && !item.sent)
    if (at >= 0) this.#queue.splice(at, 1)
    return at >= 0
  }

  async drain(): Promise<void> {
    await this.#running
  }

  /** A last chance of two seconds for what waits. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort(), 2_000)
    await this.#running
    clearTimeout(timer)
    this.#abort.abort()
  }

  async #run(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0 && !this.#abort.signal.aborted) {
      const batch = this.#queue.splice(0, this.#options.maxBatch ?? 256)
      this.#inFlight = batch.length
      const again = await this.#attempt(batch)
      this.#inFlight = 0
      this.#queue.unshift(...again)
      if (again.length > 0) await pause(this.#options.retryMs ?? 100, this.#abort.signal)
    }
    const ended = unavailable('recorder_closed', 'This process is ending.')
    for (const { failed } of this.#queue.splice(0)) failed(ended)
    this.#running = undefined
  }

  async #attempt(batch: readonly Item[]): Promise<Item[]> {
    for (const item of batch) item.sent = true
    try {
      const answers = await this.#options.send(
        batch.map(({ record }) => record),
        this.#abort.signal,
      )
      if (answers.length !== batch.length) throw new Error('as many answers as records are wanted')
      return batch.filter((item, i) => settle(item, answers[i]))
    } catch (error) {
      if (!isCredenceError(error) || error.kind !== 'refused') return [...batch]
      for (const { failed } of batch) failed(error)
      return []
    }
  }
}

/** True when the record has to be sent again. */
const settle = (item: Item, answer: IntakeAnswer | undefined): boolean => {
  if (answer === undefined || answer.id !== item.record.id) return true
  if (answer.ok) item.done({ index: answer.index, leaf: answer.leaf })
  else if (answer.retry) return true
  else
    item.failed(unavailable('record_refused', 'This cannot be recorded, so it is not done.', { detail: answer.code }))
  return false
}

const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await wait(ms, undefined, { signal })
  } catch {
    // Aborted: the loop sees it.
  }
}
