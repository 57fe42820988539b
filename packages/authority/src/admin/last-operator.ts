/** Somebody must be able to administer the domain afterwards; only the host's own files could repair it otherwise. */
import { refused } from '@credence/kit'
import { revocationKey } from '@credence/model'
import type { Core } from '../core.ts'
import { type Agent, listAgents } from '../registry/agents.ts'
import { sql } from '../sql.ts'

export interface Loss {
  /** An agent that stops. */
  readonly agent?: string
  readonly owner?: string
  /** A key that is revoked everywhere, or removed from the agent `of` alone. */
  readonly key?: string
  readonly of?: string
}

type Part = Pick<Core, 'db' | 'domain'>

const stops = (operator: Agent, loss: Loss): boolean => operator.id === loss.agent || operator.owner === loss.owner

const loses = (operator: Agent, loss: Loss, kid: unknown): boolean =>
  kid === loss.key && (loss.of === undefined || loss.of === operator.id)

const blockedKeys = async ({ db, domain }: Part): Promise<ReadonlySet<unknown>> => {
  const rows = await db.read(
    sql(`SELECT revocation_key FROM blocked_keys WHERE domain = ? AND revocation_key LIKE 'key:%'`, domain.id),
  )
  return new Set(rows.map((row) => row.revocation_key))
}

export const mustLeaveAnOperator = async (core: Part, loss: Loss): Promise<void> => {
  const operators = (await listAgents(core)).filter(({ role, status }) => role === 'operator' && status === 'active')
  const touched = operators.some((one) => stops(one, loss) || one.keys.some(({ kid }) => loses(one, loss, kid)))
  if (!touched) return
  const blocked = await blockedKeys(core)
  const remains = operators.some(
    (one) =>
      !stops(one, loss) &&
      one.keys.some(({ kid }) => !loses(one, loss, kid) && !blocked.has(revocationKey.proofKey(String(kid)))),
  )
  if (remains) return
  throw refused('last_operator', 'Nobody could administer the domain afterwards. Add another key first.', {
    status: 409,
  })
}
