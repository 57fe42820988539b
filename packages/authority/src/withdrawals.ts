import { BatchConflict, type Statement } from '@credence/db'
import type { Party } from '@credence/model'
import type { AdminDeps } from './admin/deps.ts'
import type { Base } from './base.ts'
import { type Revocable, revocationStatements } from './revocation/revoke.ts'
import { mustBeOne } from './sql.ts'

const OVER = 'grant_over'

/** Changes nothing; the batch commits only while the grant is active. */
const whileActive = ({ domain }: Base['core'], grant: string): Statement =>
  mustBeOne(
    OVER,
    `UPDATE grants SET status = status WHERE domain = ? AND id = ? AND status = 'active'`,
    domain.id,
    grant,
  )

/** The statements of a withdrawal, what the ledger is owed for it, and waking everybody who waits on the feed. */
export const withdrawals = ({ core, outbox, store }: Base) => {
  const reduce: AdminDeps['reduce'] = async (statements, debt) => {
    const owed = debt === undefined ? [] : [outbox.statement(debt)]
    await core.db.atomically([...owed, ...statements], { reducesAuthority: true })
    store.announce()
    if (debt !== undefined) outbox.kick()
  }
  /** `also` commits with it: what is used up by asking for it. */
  const revoke = async (
    what: Revocable,
    reason: string,
    debt: Parameters<AdminDeps['reduce']>[1],
    also: readonly Statement[] = [],
  ): Promise<void> => reduce([...also, ...(await revocationStatements(core, what, reason))], debt)
  /**
   * Nobody asked for it through the pipeline: the record goes by way of the outbox, always.
   * INVARIANT: once for each grant. Whoever shows a used token may be a stranger who shows it a thousand times; feed,
   * outbox and the space kept back for a full disk are not theirs to fill.
   */
  const revokeUnasked = async (grant: string, by: Party, reason: string): Promise<void> => {
    const statements = await revocationStatements(core, { kind: 'grant', id: grant }, reason)
    const record = outbox.reductionStatement({ keys: [`grant:${grant}`], by, reason })
    try {
      await core.db.atomically([whileActive(core, grant), ...statements, record], { reducesAuthority: true })
    } catch (error) {
      if (error instanceof BatchConflict && error.conflict === OVER) return
      throw error
    }
    store.announce()
    outbox.kick()
  }
  return { reduce, revoke, revokeUnasked }
}

export type Withdrawals = ReturnType<typeof withdrawals>
