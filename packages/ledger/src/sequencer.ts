/**
 * Natural group commit: while one batch is being written, the next one gathers. No window, no timer: a batch waits only
 * while every turn of the event loop brings more to it, and for a few turns at most. A signature and a synced write cost
 * as much for one entry as for thirty, so an entry that nobody waits for rides along, or goes after some milliseconds.
 */
import { unavailable } from '@credence/kit'
import { ENTRY_OVERHEAD } from './segment/format.ts'

interface Waiting<Result> {
  readonly entry: Uint8Array
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Turns that a growing batch may take. */
const MAX_TURNS = 8
const PATIENCE_MS = 5

export interface SequencerOptions<Batch, Result> {
  readonly commit: (entries: readonly Uint8Array[]) => Promise<Batch>
  /** What the append at `position` of a committed batch is answered. */
  readonly answer: (batch: Batch, position: number) => Result
  readonly maxBatchBytes: number
  readonly maxWaitingBytes: number
  /** Why nothing is taken at the moment. What waits already is refused by `refuseWaiting`. */
  readonly refusal?: () => unknown
}

export class Sequencer<Batch, Result> {
  readonly #options: SequencerOptions<Batch, Result>
  #waiting: Waiting<Result>[] = []
  #bytes = 0
  #busy = false
  /** Somebody waits for one of the entries. */
  #urgent = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #idle: (() => void) | undefined

  constructor(options: SequencerOptions<Batch, Result>) {
    this.#options = options
  }

  append(entry: Uint8Array, patient = false): Promise<Result> {
    if (this.#closed) return Promise.reject(unavailable('ledger_closed', 'The ledger is closed.'))
    const refusal = this.#options.refusal?.()
    if (refusal !== undefined) return Promise.reject(refusal)
    if (this.#bytes + entry.length > this.#options.maxWaitingBytes) {
      return Promise.reject(unavailable('ledger_overloaded', 'The ledger has too much to write at the moment.'))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject })
      this.#bytes += entry.length
      this.#urgent ||= !patient
      this.#schedule()
    })
  }

  /** Refuses new appends and resolves when those that wait are answered. */
  close(): Promise<void> {
    this.#closed = true
    return new Promise((resolve) => {
      this.#idle = resolve
      if (this.#waiting.length > 0) this.#begin()
      else if (!this.#busy) resolve()
    })
  }

  /** Refuses what waits for its batch; what is in a batch is not touched. */
  refuseWaiting(error: unknown): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    this.#urgent = false
    this.#stopTimer()
    for (const { reject } of waiting) reject(error)
  }

  #schedule(): void {
    if (this.#urgent || this.#closed) this.#begin()
    else this.#timer ??= setTimeout(() => this.#begin(), PATIENCE_MS)
  }

  #begin(): void {
    this.#stopTimer()
    if (this.#busy) return
    this.#busy = true
    setImmediate(() => this.#gather(0, 1))
  }

  #gather(before: number, turn: number): void {
    const waiting = this.#waiting.length
    if (waiting > before && turn < MAX_TURNS) setImmediate(() => this.#gather(waiting, turn + 1))
    else void this.#flush()
  }

  async #flush(): Promise<void> {
    const batch = this.#take()
    try {
      if (batch.length === 0) return
      const committed = await this.#options.commit(batch.map(({ entry }) => entry))
      for (const [position, { resolve }] of batch.entries()) resolve(this.#options.answer(committed, position))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#busy = false
      if (this.#waiting.length > 0) this.#schedule()
      else this.#idle?.()
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** INVARIANT: a timer runs only while something waits, so that no batch is empty. */
  #take(): Waiting<Result>[] {
    let bytes = 0
    let count = 0
    for (const { entry } of this.#waiting) {
      bytes += entry.length + ENTRY_OVERHEAD
      if (count > 0 && bytes > this.#options.maxBatchBytes) break
      count += 1
      this.#bytes -= entry.length
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting
      this.#waiting = []
      this.#urgent = false
      this.#stopTimer()
      return all
    }
    return this.#waiting.splice(0, count)
  }
}
