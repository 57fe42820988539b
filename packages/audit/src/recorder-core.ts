/** What both recorders share: building records, open intents, deadlines. Where records go is a `RecordWriter`. */
import { type Clock, isCredenceError, newId, type Random, toBase64url, unavailable } from '@credence/kit'
import type { IntentRecord, LedgerRecord, RecordId } from '@credence/model'
import { leafHash } from '@credence/protocol/rfc9162'
import { cutDecision, fitAlert, fitIntent, tameIntent } from './fit.ts'
import { OpenIntents } from './open-intents.ts'
import type {
  Alert,
  AuditRecorder,
  NewAlert,
  NewEpoch,
  NewIntent,
  NewOutcome,
  NewReduction,
  NewRefusal,
  Receipt,
  RecorderIdentity,
} from './ports.ts'
import { encodeRecord } from './record.ts'
import { withhold } from './secrets.ts'
import { unusedAlerts } from './unused-numbers.ts'

export interface RecordWriter {
  /**
   * Resolves when durable. `patient`: waits as long as it takes. `neverWritten`: for a write that was given up with
   * `MAY_ARRIVE`, when it is known that it did not arrive and will not.
   */
  write(record: LedgerRecord, bytes: Uint8Array, patient: boolean, neverWritten: () => void): Promise<Receipt>
  /** Keeps trying; counts as backlog until durable. */
  spool(record: LedgerRecord, bytes: Uint8Array): void
  backlog(): number
  drain(): Promise<void>
  close(): Promise<void>
}

export interface CoreOptions extends RecorderIdentity {
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly maxBacklog?: number
  readonly onAlert?: (alert: Alert) => void
  readonly sweepMs?: number
  readonly open?: OpenIntents
  /** Records that are known to be in the ledger already, by id. */
  readonly known?: ReadonlyMap<string, Receipt>
}

export const DEFAULT_BACKLOG = 10_000
/** The code of a write that was given up although it may still be recorded. */
export const MAY_ARRIVE = 'record_timeout'
/** Of a process that ended before it knew. */
const UNSETTLED = 'ledger_unsettled'

/** Whether what was refused so may be recorded nevertheless. */
export const isQuestion = (error: unknown): boolean =>
  isCredenceError(error) && (error.code === MAY_ARRIVE || error.code === UNSETTLED)

const RUN_BYTES = 6
const EXPLAIN_MS = 1_000

/** A recorder numbers its records from 1 in every run; `gateway-1#Xq3…` names process and run. */
export const emitterName = (emitter: string): string => emitter.split('#', 1)[0] ?? ''

/** The head of every record. Numbers of records that were never written are used again: a gap always means a loss. */
const createHeads = ({ domain, emitter: name, clock, random }: CoreOptions) => {
  const emitter = `${name}#${toBase64url(random.bytes(RUN_BYTES))}`
  const freed: number[] = []
  let seq = 0
  const nextSeq = (): number => {
    const again = freed.pop()
    if (again !== undefined) return again
    seq += 1
    return seq
  }
  return {
    free: (unused: number): void => void freed.push(unused),
    /** The numbers that are free; they are not used any more. */
    giveUp: (): readonly number[] => freed.splice(0),
    get isWhole(): boolean {
      return freed.length === 0
    },
    next: (id?: string) => ({
      v: 1 as const,
      id: (id ?? newId('rec', random)) as RecordId,
      domain,
      at: clock.now(),
      emitter,
      seq: nextSeq(),
    }),
  }
}

/** Most free numbers are taken by the next records; what is left after a while, or at the end, is explained. */
const explaining = (heads: ReturnType<typeof createHeads>, alert: (unused: NewAlert) => void) => {
  let timer: NodeJS.Timeout | undefined
  const now = (): void => {
    clearTimeout(timer)
    timer = undefined
    for (const one of unusedAlerts(heads.giveUp())) alert(one)
  }
  const later = (): void => {
    if (!heads.isWhole) timer ??= setTimeout(now, EXPLAIN_MS).unref()
  }
  const giveBack = (unused: number): void => {
    heads.free(unused)
    later()
  }
  return { now, later, giveBack }
}

/** What was owed under an id is written once, however often it is settled. */
const createSettling = (written: ReadonlyMap<string, Receipt> = new Map()) => {
  const known = new Map<string, Promise<Receipt>>()
  for (const [id, receipt] of written) known.set(id, Promise.resolve(receipt))
  return async (id: string, write: () => Promise<Receipt>): Promise<Receipt & { readonly id: string }> => {
    const writing = known.get(id) ?? write()
    known.set(id, writing)
    writing.catch(() => known.delete(id))
    const { index, leaf } = await writing
    return { index, leaf, id }
  }
}

/** What was owed may be in the ledger as another node wrote it: then the number it got here was never written. */
const isLeafOf = (bytes: Uint8Array, leaf: string): boolean => leaf === toBase64url(leafHash(bytes))

export const createRecorderCore = (options: CoreOptions, writer: RecordWriter): AuditRecorder => {
  const maxBacklog = options.maxBacklog ?? DEFAULT_BACKLOG
  const open = options.open ?? new OpenIntents(options.clock)
  const heads = createHeads(options)
  const base = heads.next
  const settle = createSettling(options.known)
  const sweep = startSweep(open, options)
  let closed = false
  const unused = explaining(heads, (alert) => spoolSafely({ ...alert, ...base() }, writer, options))

  const write = (intent: NewIntent, id?: string) =>
    durable({ ...intent, kind: 'intent', ...base(id) } satisfies IntentRecord, id !== undefined)
  /** An owed record that is refused for what it says is written without that; every other failure stays one. */
  const writeTamed = (error: unknown, intent: NewIntent, id: string) => {
    if (isCredenceError(error) && error.kind === 'refused') return write(tameIntent(intent), id)
    throw error
  }

  const durable = async (record: LedgerRecord, patient: boolean): Promise<Receipt & { readonly id: string }> => {
    try {
      const bytes = encodeRecord(record)
      const { index, leaf } = await writer.write(record, bytes, patient, () => unused.giveBack(record.seq))
      if (patient && !isLeafOf(bytes, leaf)) heads.free(record.seq)
      if (record.kind === 'intent') open.opened(record)
      unused.later()
      return { index, leaf, id: record.id }
    } catch (error) {
      if (!isQuestion(error)) heads.free(record.seq)
      throw error
    }
  }

  return {
    intent: (intent: NewIntent, id?: string) => {
      if (closed || writer.backlog() >= maxBacklog) return Promise.reject(backlogFull(closed))
      if (id === undefined) return write(fitIntent(intent))
      return settle(id, () => write(fitIntent(intent), id).catch((error: unknown) => writeTamed(error, intent, id)))
    },
    outcome: (outcome: NewOutcome) => {
      open.closed(outcome.intent)
      spoolSafely({ ...safeOutcome(outcome), ...base() }, writer, options)
    },
    refusal: (refusal: NewRefusal) => spoolSafely({ ...safeRefusal(refusal), ...base() }, writer, options),
    reduction: async (reduction: NewReduction, id?: string) => {
      const write = () => durable({ ...reduction, kind: 'reduction', ...base(id) }, true)
      return id === undefined ? write() : settle(id, write)
    },
    epoch: async (epoch: NewEpoch) => durable({ ...epoch, kind: 'epoch', ...base() }, true),
    alert: (alert: NewAlert) => spoolSafely({ ...fitAlert(alert), ...base() }, writer, options),
    openIntents: () => open.list(),
    backlog: () => writer.backlog(),
    drain: () => writer.drain(),
    close: () => {
      closed = true
      clearInterval(sweep)
      unused.now()
      return writer.close()
    },
  }
}

const backlogFull = (closed: boolean) =>
  closed
    ? unavailable('recorder_closed', 'This process is ending.')
    : unavailable('record_backlog', 'Too much is waiting to be recorded; try again soon.', {
        headers: { 'Retry-After': '1' },
      })

const startSweep = (open: OpenIntents, { onAlert, sweepMs = 1_000 }: CoreOptions): NodeJS.Timeout | undefined => {
  if (onAlert === undefined || sweepMs === 0) return undefined
  const timer = setInterval(() => {
    for (const intent of open.newlyOverdue()) onAlert({ kind: 'overdue', intent })
  }, sweepMs)
  timer.unref()
  return timer
}

/** INVARIANT: never throws; what cannot be written is reported. */
const spoolSafely = (record: LedgerRecord, writer: RecordWriter, { onAlert, maxBacklog }: CoreOptions): void => {
  try {
    if (writer.backlog() >= 2 * (maxBacklog ?? DEFAULT_BACKLOG)) throw backlogFull(false)
    writer.spool(record, encodeRecord(record))
  } catch (error) {
    onAlert?.({ kind: 'lost', record, error })
  }
}

const clip = <K extends string>(value: { readonly [key in K]?: string }, key: K, max: number) =>
  value[key] === undefined ? {} : { [key]: withhold(value[key], max) }

/** The parts that a stranger may have written are shortened and, where they look like a secret, withheld. */
const safeRefusal = (refusal: NewRefusal) => ({
  ...refusal,
  kind: 'refusal' as const,
  reason: withhold(refusal.reason, 512),
  resource: withhold(refusal.resource, 512),
  ...clip(refusal, 'method', 64),
  ...clip(refusal, 'name', 128),
  ...clip(refusal, 'client', 256),
  ...clip(refusal, 'trace', 64),
  ...clip(refusal, 'txn', 128),
  ...clip(refusal, 'jti', 128),
  ...clip(refusal, 'grant', 64),
  ...(refusal.decision === undefined ? {} : { decision: cutDecision(refusal.decision) }),
})

const safeOutcome = (outcome: NewOutcome) => ({
  ...outcome,
  kind: 'outcome' as const,
  ms: Number.isFinite(outcome.ms) && outcome.ms >= 0 ? outcome.ms : 0,
  ...clip(outcome, 'code', 128),
})
