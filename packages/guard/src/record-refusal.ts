import type { CredenceError } from '@credence/kit'
import { defined } from './defined.ts'
import type { NewRefusal, Recorder } from './ports.ts'
import { refusalFacts } from './refusal.ts'
import { actorsForRecord, decisionForRecord } from './stages/intent.ts'

/**
 * A refusal of a caller that we know, or of an operation that was asked for. Noise without any verified fact is not
 * written down: a stranger must not be able to fill the ledger.
 */
export const recordRefusal = (error: CredenceError, trace: string | undefined, recorder: Recorder): void => {
  const { caller, operation, decision } = refusalFacts(error)
  if (caller === undefined) return
  const entry: NewRefusal = {
    kind: 'refusal',
    code: error.code,
    reason: error.message,
    resource: operation?.resource ?? caller.audience,
    subject: caller.subject,
    actors: actorsForRecord(caller),
    client: caller.clientId,
    ...defined({
      method: operation?.method,
      name: operation?.name,
      op: operation?.op,
      jti: caller.tokenId,
      grant: caller.grant,
      txn: caller.txn,
      trace,
      decision: decision === undefined ? undefined : decisionForRecord(decision),
    }),
  }
  recorder.refusal(entry)
}
