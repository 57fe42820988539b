/** Marking a task: the row and the entry of the feed in one batch. */
import { BatchConflict, type Statement } from '@credence/db'
import { isId, refused } from '@credence/kit'
import { TASK_AHEAD_MS, TASK_KEEP_MS } from '@credence/sync'
import { TOKEN_SECONDS } from '../config.ts'
import type { Core } from '../core.ts'
import { findGrant } from '../grants/grants.ts'
import { mustBeOne, sql } from '../sql.ts'

/** Tokens of a grant end with it at the latest; a little longer for clocks that differ. */
const AFTER_MS = (TOKEN_SECONDS + 60) * 1000

type Part = Pick<Core, 'db' | 'domain' | 'clock' | 'publish'>

/** INVARIANT: the mark of a grant outlives every token of it. */
const endOf = async (core: Part, task: string): Promise<number> => {
  if (!isId('grt', task)) return core.clock.now() + TASK_KEEP_MS + TASK_AHEAD_MS
  const grant = await findGrant(core, task)
  if (grant === undefined) throw refused('grant_unknown', 'There is no such grant.', { status: 404 })
  return grant.expires + AFTER_MS
}

/**
 * Resolves when the mark is durable, with its end in epoch milliseconds. INVARIANT: a mark only becomes longer, so that of many who
 * mark at once one writes and the others find what is enough.
 */
export const markTask = async (core: Part, task: string): Promise<number> => {
  const ends = await endOf(core, task)
  const mark = mustBeOne(
    'task_marked',
    `INSERT INTO task_marks (domain, task, made, ends) VALUES (?, ?, ?, ?)
     ON CONFLICT (domain, task) DO UPDATE SET ends = excluded.ends WHERE task_marks.ends < excluded.ends
     RETURNING task`,
    core.domain.id,
    task,
    core.clock.now(),
    ends,
  )
  try {
    await core.db.atomically([mark, ...core.publish({ kind: 'task', task, until: ends })])
    return ends
  } catch (error) {
    if (!(error instanceof BatchConflict) || error.conflict !== 'task_marked') throw error
    const [row] = await core.db.read(
      sql('SELECT ends FROM task_marks WHERE domain = ? AND task = ?', core.domain.id, task),
    )
    return Number(row?.ends ?? ends)
  }
}

const AT_MOST = 5_000

export const sweepTasks = (core: Pick<Core, 'clock'>): Statement =>
  sql(
    `DELETE FROM task_marks WHERE (domain, task) IN (
       SELECT domain, task FROM task_marks WHERE ends < ? ORDER BY ends LIMIT ?)`,
    core.clock.now(),
    AT_MOST,
  )
