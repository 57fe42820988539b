/**
 * This side of the writing thread. While the worker is busy with one message, batches gather here and leave together:
 * the busier the disk, the larger the group.
 */
import { Worker } from 'node:worker_threads'
import { bug, type CredenceError, unavailable } from '@credence/kit'
import { BatchConflict, type BatchOptions, type Row, type Statement } from '../types.ts'
import { ANY, type FromWorker, type Job, type Reply, SOME, type ToWorker, type WorkerSettings } from './messages.ts'
import { packJobs } from './packed.ts'

const MAX_TEXTS = 1_000
const MAX_WAITING = 50_000
const MAX_GROUP = 512

type Answer = readonly (readonly Row[])[]

interface Waiting {
  readonly statements: readonly Statement[]
  readonly reducesAuthority: boolean
  resolve(answer: Answer): void
  reject(error: Error): void
}

export interface Writer {
  run(statements: readonly Statement[], options?: BatchOptions): Promise<Answer>
  close(): Promise<void>
}

const outage = (detail: string): CredenceError =>
  unavailable('database_unavailable', 'The database cannot answer.', { detail })

/** Numbers for texts, so that each is sent once. */
const createTexts = () => {
  const numbers = new Map<string, number>()
  let fresh: (readonly [number, string])[] = []
  let reset = false
  return {
    /** Only between two messages, so that no number is used with two meanings in one. */
    makeRoom: (): void => {
      if (numbers.size < MAX_TEXTS) return
      numbers.clear()
      reset = true
    },
    number: (sql: string): number => {
      const known = numbers.get(sql)
      if (known !== undefined) return known
      const number = numbers.size
      numbers.set(sql, number)
      fresh.push([number, sql])
      return number
    },
    take: () => {
      const taken = { texts: fresh, reset }
      fresh = []
      reset = false
      return taken
    },
  }
}

const settle = (waiting: Waiting, reply: Reply | undefined): void => {
  if (reply === undefined) waiting.reject(bug('database_reply_missing', 'fewer replies than batches'))
  else if ('rows' in reply) waiting.resolve(reply.rows)
  else if ('unavailable' in reply) waiting.reject(outage(reply.unavailable))
  else if ('bug' in reply) waiting.reject(bug('statement_failed', reply.bug))
  else waiting.reject(new BatchConflict(waiting.statements[reply.conflict]?.expect?.conflict ?? 'constraint'))
}

/** The worker stands beside this file, as source and as built. */
const workerFile = (): URL => new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

const startWorker = async (settings: WorkerSettings): Promise<Worker> => {
  const worker = new Worker(workerFile(), { workerData: settings })
  await new Promise<void>((resolve, reject) => {
    worker.once('error', (error) => reject(outage(String(error))))
    worker.once('message', (message: FromWorker) => {
      if ('opened' in message) resolve()
      else reject(outage('failed' in message ? message.failed : 'unexpected answer'))
    })
  })
  worker.removeAllListeners('error')
  return worker
}

const toJob = (one: Waiting, texts: ReturnType<typeof createTexts>): Job => ({
  texts: one.statements.map((statement) => texts.number(statement.sql)),
  parameters: one.statements.map((statement) => statement.parameters),
  expects: one.statements.map(({ expect }) =>
    expect === undefined ? ANY : expect.rows === 'some' ? SOME : expect.rows,
  ),
  reducesAuthority: one.reducesAuthority,
})

/** INVARIANT: one message at a time is with the worker; everything that waits is settled once, whatever happens to it. */
class GroupWriter implements Writer {
  readonly #worker: Worker
  readonly #texts = createTexts()
  readonly #waiting: Waiting[] = []
  #sent: readonly Waiting[] = []
  #scheduled = false
  #over: CredenceError | undefined
  #idle: (() => void) | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (message: FromWorker) => this.#answered(message))
    worker.on('error', (error) => this.#fail(outage(String(error))))
    worker.on('exit', () => this.#fail(outage('the writing thread ended')))
  }

  run(statements: readonly Statement[], options?: BatchOptions): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over)
      if (this.#waiting.length >= MAX_WAITING) return reject(outage('too many batches are waiting'))
      this.#waiting.push({ statements, reducesAuthority: options?.reducesAuthority === true, resolve, reject })
      this.#schedule()
    })
  }

  async close(): Promise<void> {
    this.#over ??= outage('the database was closed')
    if (this.#sent.length > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    const gone = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#worker.ref()
    this.#worker.postMessage('close' satisfies ToWorker)
    await gone
  }

  /** After this turn of the loop, so that everything it brings travels together. */
  #schedule(): void {
    if (this.#scheduled || this.#sent.length > 0 || this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    if (this.#sent.length > 0 || this.#waiting.length === 0) return
    this.#texts.makeRoom()
    const group = this.#waiting.splice(0, MAX_GROUP)
    const jobs = group.map((one) => toJob(one, this.#texts))
    const message: ToWorker = { jobs: packJobs(jobs), ...this.#texts.take() }
    this.#sent = group
    this.#worker.ref()
    this.#worker.postMessage(message)
  }

  #answered(message: FromWorker): void {
    if (!('replies' in message)) return
    const answered = this.#sent
    this.#sent = []
    answered.forEach((one, at) => {
      settle(one, message.replies[at])
    })
    if (this.#waiting.length > 0) {
      this.#schedule()
      return
    }
    this.#worker.unref()
    this.#idle?.()
  }

  #fail(error: CredenceError): void {
    this.#over ??= error
    for (const one of [...this.#sent, ...this.#waiting.splice(0)]) one.reject(error)
    this.#sent = []
    this.#idle?.()
  }
}

export const openWriter = async (settings: WorkerSettings): Promise<Writer> => {
  const worker = await startWorker(settings)
  worker.unref()
  return new GroupWriter(worker)
}
