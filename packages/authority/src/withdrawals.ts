import type { Statement } from '@credence/db'
import type { Party } from '@credence/model'
import type { AdminDeps } from './admin/deps.ts'
import type { Base } from './base.ts'
import { type Revocable, revocationStatements } from './revocation/revoke.ts'

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
  /** Nobody asked for it through the pipeline: the record goes by way of the outbox, always. */
  const revokeUnasked = async (grant: string, by: Party, reason: string): Promise<void> => {
    const statements = await revocationStatements(core, { kind: 'grant', id: grant }, reason)
    await core.db.atomically([...statements, outbox.reductionStatement({ keys: [`grant:${grant}`], by, reason })], {
      reducesAuthority: true,
    })
    store.announce()
    outbox.kick()
  }
  return { reduce, revoke, revokeUnasked }
}

export type Withdrawals = ReturnType<typeof withdrawals>
