/**
 * cedar-wasm behind one worker thread, one job at a time. A job that traps it, or takes too long, fails alone: the
 * thread is replaced and the jobs behind it run in the new one.
 */
import { Worker } from 'node:worker_threads'
import { refused, unavailable } from '@credence/kit'
import type {
  AuthorizeAnswer,
  CedarJob,
  CedarReply,
  CedarRequest,
  PolicyTexts,
  ReadAnswer,
  ReadJob,
} from './messages.ts'

const SLOTS = 4

/** A set under the name that a worker keeps its parsed form by. */
export interface NamedSet extends PolicyTexts {
  readonly key: string
}

interface Waiting {
  readonly job: (slots: Slots) => CedarJob
  readonly resolve: (answer: ReadAnswer | AuthorizeAnswer) => void
  readonly reject: (error: Error) => void
}

/** Which sets the current worker holds: cedar-wasm cannot forget one, so names are used again in turn. */
interface Slots {
  readonly keys: (string | undefined)[]
  next: number
}

const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

export interface CedarLane {
  read(job: Omit<ReadJob, 'kind'>): Promise<ReadAnswer>
  authorize(set: NamedSet, request: CedarRequest): Promise<AuthorizeAnswer>
  /** Ends the worker; what waits is rejected. The next job starts another. */
  close(): Promise<void>
  /** How many workers were lost to a trap or to time. */
  readonly replaced: number
}

const authorizeJob = ({ key, ...set }: NamedSet, question: CedarRequest) => {
  const request = JSON.stringify(question)
  return (slots: Slots): CedarJob => {
    const held = slots.keys.indexOf(key)
    if (held >= 0) return { kind: 'authorize', slot: `set${held}`, request }
    const slot = slots.next
    slots.next = (slot + 1) % SLOTS
    slots.keys[slot] = key
    return { kind: 'authorize', slot: `set${slot}`, set, request }
  }
}

class Lane implements CedarLane {
  replaced = 0
  readonly #timeoutMs: number
  readonly #queue: Waiting[] = []
  #running: Waiting | undefined
  #worker: Worker | undefined
  #slots: Slots = { keys: [], next: 0 }
  #timer: NodeJS.Timeout | undefined

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  read(job: Omit<ReadJob, 'kind'>): Promise<ReadAnswer> {
    return this.#run((): CedarJob => ({ kind: 'read', ...job })) as Promise<ReadAnswer>
  }

  authorize(set: NamedSet, request: CedarRequest): Promise<AuthorizeAnswer> {
    return this.#run(authorizeJob(set, request)) as Promise<AuthorizeAnswer>
  }

  #run(job: Waiting['job']): Promise<ReadAnswer | AuthorizeAnswer> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject })
      this.#next()
    })
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { env: {}, name: 'cedar' })
    worker.on('message', (reply: CedarReply) => this.#finish(worker, reply))
    const lost = (message: string) => this.#finish(worker, { ok: false, trapped: true, message })
    worker.on('error', (error) => lost(String(error)))
    worker.on('exit', () => lost('the worker ended'))
    this.#slots = { keys: [], next: 0 }
    return worker
  }

  async close(): Promise<void> {
    const ended = unavailable('cedar_ended', 'The policy engine is ending.')
    for (const { reject } of this.#queue.splice(0)) reject(ended)
    this.#running?.reject(ended)
    this.#running = undefined
    clearTimeout(this.#timer)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  /** INVARIANT: the worker holds the process only while a job runs. */
  #next(): void {
    if (this.#running !== undefined) return
    const waiting = this.#queue.shift()
    if (waiting === undefined) return
    this.#running = waiting
    this.#worker ??= this.#start()
    const worker = this.#worker
    worker.ref()
    const late = () => this.#finish(worker, { ok: false, trapped: true, message: 'it took too long' })
    this.#timer = setTimeout(late, this.#timeoutMs)
    worker.postMessage(waiting.job(this.#slots))
  }

  #finish(worker: Worker, reply: CedarReply): void {
    if (worker !== this.#worker) return
    clearTimeout(this.#timer)
    if (!reply.ok) this.#drop(worker, reply.trapped)
    worker.unref()
    const done = this.#running
    this.#running = undefined
    if (reply.ok) done?.resolve(reply.answer)
    else if (reply.trapped) {
      done?.reject(unavailable('cedar_trapped', 'The policy engine gave up on this.', { detail: reply.message }))
    } else done?.reject(refused('cedar_declined', 'The policy engine did not take this.', { detail: reply.message }))
    this.#next()
  }

  /** After a failed preparation a slot may hold the wrong set, so what the worker holds is forgotten then too. */
  #drop(worker: Worker, trapped: boolean): void {
    this.#slots = { keys: [], next: this.#slots.next }
    if (!trapped) return
    this.#worker = undefined
    this.replaced++
    void worker.terminate()
  }
}

export const createCedarLane = (timeoutMs: number): CedarLane => new Lane(timeoutMs)

/** Text that somebody is writing is read apart from where decisions are made. */
export const readingLane: CedarLane = createCedarLane(60_000)
export const decidingLane: CedarLane = createCedarLane(5_000)
