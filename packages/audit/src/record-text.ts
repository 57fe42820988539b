/**
 * The canonical text of a record (RFC 8785), written for every call twice. All names of a record are known, so its parts
 * are laid out in order and the engine writes them at once.
 * INVARIANT: the same text as `canonicalize` gives for the record; a test compares them.
 */
import { bug } from '@credence/kit'
import { canonicalizeDefined } from '@credence/kit/json'
import type { IntentRecord, LedgerRecord, Party } from '@credence/model'

type MemberOf<Kind> = Kind extends unknown ? keyof Kind : never
type Loose = { readonly [Name in MemberOf<LedgerRecord>]?: unknown }

const partyInOrder = (party: Party | undefined) => party && { iss: party.iss, sub: party.sub }

const actorInOrder = ({ agent, iss, owner, sub }: IntentRecord['actors'][number]) => ({ agent, iss, owner, sub })

const decisionInOrder = (decision: IntentRecord['decision'] | undefined) =>
  decision && { id: decision.id, policies: decision.policies, reason: decision.reason, version: decision.version }

type Parts = Partial<Pick<IntentRecord, 'actors' | 'decision' | 'subject'>> & { readonly by?: Party }

/** In the order in which it is written. The compiler knows when a member is missing. */
const inOrder = (record: Loose & Parts) =>
  ({
    actors: record.actors?.map(actorInOrder),
    args: record.args,
    at: record.at,
    by: partyInOrder(record.by),
    client: record.client,
    code: record.code,
    deadline: record.deadline,
    decision: decisionInOrder(record.decision),
    definition: record.definition,
    domain: record.domain,
    emitter: record.emitter,
    epoch: record.epoch,
    facts: record.facts,
    feed: record.feed,
    grant: record.grant,
    id: record.id,
    intent: record.intent,
    jkt: record.jkt,
    jti: record.jti,
    keys: record.keys,
    kind: record.kind,
    method: record.method,
    ms: record.ms,
    name: record.name,
    op: record.op,
    operation: record.operation,
    proof: record.proof,
    reason: record.reason,
    resource: record.resource,
    result: record.result,
    seq: record.seq,
    status: record.status,
    subject: partyInOrder(record.subject),
    token: record.token,
    trace: record.trace,
    txn: record.txn,
    v: record.v,
  }) satisfies { readonly [Name in MemberOf<LedgerRecord>]: unknown }

/** The engine would write what is no number as null. */
const numbersAreNumbers = ({ at, seq, ms, deadline, epoch, feed }: ReturnType<typeof inOrder>): boolean =>
  [at, seq, ms, deadline, epoch, feed].every((value) => value === undefined || Number.isFinite(value))

/** Throws `bug` for what JSON cannot say. Members that are undefined say the same as members that are not there. */
export const recordText = (record: LedgerRecord): string => {
  const ordered = inOrder(record)
  // What stands in facts has names of its own, and they come with acts, not with calls.
  if (ordered.facts !== undefined) return canonicalizeDefined(ordered)
  if (!numbersAreNumbers(ordered)) throw bug('record_number', `a ${record.kind} with a number that is none`)
  const text = JSON.stringify(ordered)
  // The engine escapes half of a surrogate pair, and nothing else, in this way.
  return text.includes('\\ud') ? canonicalizeDefined(ordered) : text
}
