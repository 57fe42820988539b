/**
 * Where an act that only reduces authority leaves its record when the ledger cannot take it: a row committed with the
 * act. INVARIANT: while a row is here, no other consequential work of this node is recorded, so none is done.
 */
import type { AuditRecorder, NewReduction } from '@credence/audit'
import type { Database, Statement } from '@credence/db'
import type { Debt, NewIntent, NewOutcome, Outbox, Recorder } from '@credence/guard'
import { type Clock, newId, type Random, toCredenceError, unavailable } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import type { DomainId } from '@credence/model'
import { sql } from '../sql.ts'

export const outboxTables: readonly string[] = [
  `CREATE TABLE outbox (
    domain TEXT NOT NULL,
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (domain, id)
  )`,
]

export interface OutboxDeps {
  readonly db: Database
  readonly domain: DomainId
  readonly clock: Clock
  readonly random: Random
  readonly recorder: AuditRecorder
  readonly log: Logger
}

export interface AuthorityOutbox extends Outbox {
  /** The ledger, but only when nothing is owed to it. */
  readonly recorder: Recorder
  /** The row that a debt becomes, for the batch of the act itself. */
  statement(debt: Debt): Statement
  /**
   * A reduction that no caller of ours asked for (reuse of a code or refresh token, a person's own page): a row for its
   * batch, after the statements that publish, so that it names the number of the feed.
   */
  reductionStatement(record: Omit<NewReduction, 'kind' | 'feed'>): Statement
  /** Marks that rows may be waiting and tries to empty them. Never throws. */
  kick(): void
  /** Throws `unavailable` while something is owed. */
  empty(): Promise<void>
  owed(): number
  close(): void
}

const RETRY_MS = 500
const BATCH = 100
/** Outcomes that wait for the ledger. Beyond that an intent is left without one, which is an alert and no outage. */
const MOST_OUTCOMES = 10_000

type Owed = NewIntent | NewReduction

/** Rows into the ledger, in order, one drain at a time. */
class Drain {
  readonly #deps: OutboxDeps
  readonly #outcomes: NewOutcome[] = []
  /** Intents that were owed and are not in the ledger: on their way in a batch, in a row, or in a batch that failed. */
  readonly #owed = new Set<string>()
  #running: Promise<void> | undefined
  #more = false
  /** Outcomes that were too many, since the last time that all was written. */
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  /** May rows be waiting? True until a look at the table has said no. */
  waiting = true
  owed = 0

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  async #write(id: string, record: Owed): Promise<void> {
    if (record.kind === 'intent') await this.#deps.recorder.intent(record, id)
    else await this.#deps.recorder.reduction(record, id)
    this.#owed.delete(id)
  }

  owe(id: string): void {
    this.#owed.add(id)
  }

  async #portion(): Promise<boolean> {
    const { db, domain } = this.#deps
    const rows = await db.read(
      sql('SELECT id, record FROM outbox WHERE domain = ? ORDER BY created, id LIMIT ?', domain, BATCH),
    )
    this.owed = rows.length
    for (const row of rows) {
      await this.#write(String(row.id), JSON.parse(String(row.record)) as Owed)
      // INVARIANT: the ledger first. A crash between the two writes the record again under the same id.
      await db.atomically([sql('DELETE FROM outbox WHERE domain = ? AND id = ?', domain, String(row.id))], {
        reducesAuthority: true,
      })
      this.owed -= 1
    }
    return rows.length > 0
  }

  async #drain(): Promise<void> {
    do {
      this.#more = false
      while (await this.#portion());
      // NOTE: a row that committed after the last look has said so here.
    } while (this.#more)
    this.waiting = false
    this.#lost = 0
    for (const outcome of this.#outcomes.splice(0)) this.#followUp(outcome)
  }

  /** INVARIANT: an act that failed before its batch committed left no intent, so that its outcome is none either. */
  #followUp(outcome: NewOutcome): void {
    const left = this.#owed.delete(outcome.intent)
    // NOTE: what was done committed its row; another node may have written it.
    if (!left || outcome.status === 'done') this.#deps.recorder.outcome(outcome)
    else this.#deps.log.warn('owed_act_not_done', { intent: outcome.intent, code: outcome.code })
  }

  run(): Promise<void> {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.kick()
    }, RETRY_MS).unref()
  }

  kick(): void {
    this.waiting = true
    this.#more = true
    this.run().catch((error: unknown) => {
      this.#deps.log.warn('outbox_waits', { code: toCredenceError(error).code, owed: this.owed })
      this.later()
    })
  }

  /** NOTE: the outcome of an owed intent must follow it, never precede it. */
  outcome(record: NewOutcome): void {
    const owed = this.#owed.has(record.intent)
    if (this.waiting || owed) this.#hold(record)
    else this.#deps.recorder.outcome(record)
    // The act may have failed before anybody told of its row.
    if (owed) this.kick()
  }

  /** INVARIANT: whoever makes acts fail while the ledger is full, again and again, does not fill the memory. */
  #hold(record: NewOutcome): void {
    if (this.#outcomes.length < MOST_OUTCOMES) {
      this.#outcomes.push(record)
      return
    }
    this.#owed.delete(record.intent)
    if (this.#lost === 0) this.#deps.log.error('outcomes_lost', { kept: MOST_OUTCOMES })
    this.#lost += 1
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

const row = (deps: OutboxDeps, id: string, record: Owed): Statement =>
  sql(
    'INSERT INTO outbox (domain, id, record, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    deps.domain,
    id,
    JSON.stringify(record),
    deps.clock.now(),
  )

/** The number of the feed is known only inside the batch, so the statement writes it into the record. */
const reductionRow = (deps: OutboxDeps, record: Omit<NewReduction, 'kind' | 'feed'>): Statement =>
  sql(
    `INSERT INTO outbox (domain, id, record, created)
     SELECT domain, CAST(? AS TEXT), REPLACE(CAST(? AS TEXT), '"feed":0', '"feed":' || CAST(number AS TEXT)), CAST(? AS BIGINT)
     FROM feed_head WHERE domain = ?`,
    newId('rec', deps.random),
    JSON.stringify({ kind: 'reduction', feed: 0, ...record }),
    deps.clock.now(),
    deps.domain,
  )

export const createOutbox = async (deps: OutboxDeps): Promise<AuthorityOutbox> => {
  const drain = new Drain(deps)
  const empty = async (): Promise<void> => {
    if (!drain.waiting) return
    try {
      await drain.run()
    } catch (cause) {
      drain.later()
      throw unavailable(
        'outbox_not_empty',
        'Earlier acts are not recorded yet; nothing else is done before they are.',
        { cause, headers: { 'Retry-After': '1' } },
      )
    }
  }
  await empty().catch(() => undefined)
  return {
    owe: (record) => {
      const id = newId('rec', deps.random)
      drain.owe(id)
      return { id, record }
    },
    statement: (debt) => row(deps, debt.id, debt.record),
    reductionStatement: (record) => reductionRow(deps, record),
    recorder: {
      intent: (record) =>
        drain.waiting ? empty().then(() => deps.recorder.intent(record)) : deps.recorder.intent(record),
      outcome: (record) => drain.outcome(record),
      refusal: (record) => deps.recorder.refusal(record),
    },
    kick: () => drain.kick(),
    empty,
    owed: () => drain.owed,
    close: () => drain.stop(),
  }
}
