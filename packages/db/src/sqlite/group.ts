/**
 * Group commit: every batch that is waiting runs in one transaction, each behind a savepoint, and one COMMIT makes all
 * of them durable.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Row } from '../types.ts'
import { isConflict, isEnvironment, isTooLargeForNumber, messageOf } from './errors.ts'
import { ANY, type Job, type Reply, SOME } from './messages.ts'
import { allWide, type Prepared, prepare } from './statements.ts'

export interface Group {
  /**
   * One reply for each job, in order. Throws when the transaction as a whole failed: nothing of it happened, or nobody
   * can know.
   */
  run(jobs: readonly Job[]): Reply[]
  learn(texts: readonly (readonly [number, string])[], reset: boolean): void
}

const holds = (expected: number, rows: number): boolean =>
  expected === ANY || (expected === SOME ? rows > 0 : rows === expected)

const NONE: readonly Row[] = []

/** Statements by the numbers of their texts, prepared when they are first used. */
const createStatements = (db: DatabaseSync) => {
  const texts = new Map<number, string>()
  const cache = new Map<number, Prepared>()
  return {
    learn: (fresh: readonly (readonly [number, string])[], reset: boolean): void => {
      if (reset) {
        texts.clear()
        cache.clear()
      }
      for (const [number, sql] of fresh) texts.set(number, sql)
    },
    prepared: (text: number): Prepared => {
      const known = cache.get(text)
      if (known !== undefined) return known
      const made = prepare(db, texts.get(text) ?? '')
      cache.set(text, made)
      return made
    },
  }
}

/** The first statement whose expectation does not hold ends the batch. */
const runStatements = (job: Job, wide: boolean, prepared: (text: number) => Prepared): Reply => {
  const answers: (readonly Row[])[] = []
  for (let at = 0; at < job.texts.length; at += 1) {
    try {
      const statement = prepared(job.texts[at] ?? -1)
      const parameters = job.parameters[at] ?? []
      let rows: readonly Row[] = NONE
      let count: number
      if (statement.returnsRows) {
        rows = wide ? allWide(statement, parameters) : statement.statement.all(...parameters)
        count = rows.length
      } else {
        count = Number(statement.statement.run(...parameters).changes)
      }
      if (!holds(job.expects[at] ?? ANY, count)) return { conflict: at }
      answers.push(rows)
    } catch (error) {
      if (isConflict(error)) return { conflict: at }
      throw error
    }
  }
  return { rows: answers }
}

export const createGroup = (db: DatabaseSync): Group => {
  const { learn, prepared } = createStatements(db)
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const save = db.prepare('SAVEPOINT batch')
  const undo = db.prepare('ROLLBACK TO batch')
  const release = db.prepare('RELEASE batch')

  const attempt = (job: Job, wide: boolean): Reply => {
    save.run()
    let reply: Reply
    try {
      reply = runStatements(job, wide, prepared)
    } catch (error) {
      // INVARIANT: when the disk or the memory failed, SQLite may have rolled back everybody; nobody is told yes.
      if (isEnvironment(error) || !db.isTransaction) throw error
      undo.run()
      release.run()
      if (!wide && isTooLargeForNumber(error)) return attempt(job, true)
      return { bug: messageOf(error) }
    }
    if (!('rows' in reply)) undo.run()
    release.run()
    return reply
  }

  const rollback = (): void => {
    try {
      if (db.isTransaction) db.exec('ROLLBACK')
    } catch {
      // NOTE: a failed ROLLBACK leaves the transaction open; the next BEGIN then fails and its batches are unavailable.
    }
  }

  return {
    learn,
    run: (jobs) => {
      try {
        begin.run()
        // INVARIANT: a reply leaves only after COMMIT, also one that says conflict: the row it met may be in this group.
        const replies = jobs.map((job) => attempt(job, false))
        commit.run()
        return replies
      } catch (error) {
        rollback()
        throw error
      }
    },
  }
}
