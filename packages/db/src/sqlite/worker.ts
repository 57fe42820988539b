/** The thread that writes: a program of its own, which takes its clock itself. It owns the only writing connection; every sync to disk happens here. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { nodeClock } from '@credence/kit/node'
import { isFull, messageOf } from './errors.ts'
import { createGroup } from './group.ts'
import type { FromWorker, Job, Reply, ToWorker, WorkerSettings } from './messages.ts'
import { unpackJobs } from './packed.ts'
import { createReserve } from './reserve.ts'

/** `fullfsync` matters on macOS, where fsync alone does not reach the disk. */
const PRAGMAS = [
  'PRAGMA busy_timeout = 5000',
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA fullfsync = ON',
  'PRAGMA checkpoint_fullfsync = ON',
  'PRAGMA foreign_keys = ON',
  'PRAGMA trusted_schema = OFF',
  'PRAGMA journal_size_limit = 67108864',
]

const open = (settings: WorkerSettings): DatabaseSync => {
  const db = new DatabaseSync(settings.file)
  for (const pragma of PRAGMAS) db.exec(pragma)
  if (settings.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(settings.maxPages)}`)
  return db
}

const serve = (
  db: DatabaseSync,
  settings: WorkerSettings,
): ((jobs: readonly Job[]) => Reply[]) & { group: ReturnType<typeof createGroup> } => {
  const group = createGroup(db)
  const reserve = createReserve(`${settings.file}-reserve`, settings.reserveBytes)

  const allUnavailable = (jobs: readonly Job[], why: string): Reply[] => jobs.map(() => ({ unavailable: why }))

  const runOrFail = (jobs: readonly Job[]): Reply[] => {
    try {
      return group.run(jobs)
    } catch (error) {
      if (!isFull(error) || !jobs.some((job) => job.reducesAuthority)) return allUnavailable(jobs, messageOf(error))
      reserve.spend()
      return runReducing(jobs)
    }
  }

  /** INVARIANT: while the reserve is spent, only what takes authority away is run. */
  const runReducing = (jobs: readonly Job[]): Reply[] => {
    const reducing = jobs.filter((job) => job.reducesAuthority)
    let replies: Reply[]
    try {
      replies = reducing.length === 0 ? [] : group.run(reducing)
    } catch (error) {
      replies = allUnavailable(reducing, messageOf(error))
    }
    const byJob = new Map(reducing.map((job, at) => [job, replies[at]]))
    return jobs.map((job) => byJob.get(job) ?? { unavailable: 'the disk is full and the reserve is spent' })
  }

  const run = (jobs: readonly Job[]): Reply[] =>
    reserve.stands(nodeClock.monotonic()) ? runOrFail(jobs) : runReducing(jobs)
  return Object.assign(run, { group })
}

const main = (): void => {
  const port = parentPort
  if (port === null) return
  const settings: WorkerSettings = workerData
  const say = (message: FromWorker): void => port.postMessage(message)
  try {
    const db = open(settings)
    const run = serve(db, settings)
    port.on('message', (message: ToWorker) => {
      if (message === 'close') {
        db.close()
        port.close()
        return
      }
      run.group.learn(message.texts, message.reset)
      say({ replies: run(unpackJobs(message.jobs)) })
    })
    say({ opened: true })
  } catch (error) {
    say({ failed: messageOf(error) })
    port.close()
  }
}

main()
