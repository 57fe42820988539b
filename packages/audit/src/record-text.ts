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
  decision && {
    by: decision.by?.map(({ effect, point, request, version }) => ({ effect, point, request, version })),
    errors: decision.errors,
    id: decision.id,
    obligations: decision.obligations,
    observed: decision.observed,
    policies: decision.policies,
    reason: decision.reason,
    untrusted: decision.untrusted,
    version: decision.version,
  }

type Facts = NonNullable<IntentRecord['facts']>

const isSorted = (names: readonly string[]): boolean =>
  names.every((name, at) => at === 0 || (names[at - 1] ?? '') < name)

/** NOTE: an object holds names that look like indices by their numbers, whatever the order in which they are set. */
const factsInOrder = (facts: Facts | undefined): Facts | undefined => {
  if (facts === undefined) return undefined
  const names = Object.keys(facts)
  return isSorted(names) ? facts : Object.fromEntries(names.sort().map((name) => [name, facts[name] ?? null]))
}

interface Parts {
  readonly actors?: IntentRecord['actors'] | undefined
  readonly by?: Party | undefined
  readonly decision?: IntentRecord['decision'] | undefined
  readonly facts?: Facts | undefined
  readonly subject?: Party | undefined
}

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
    facts: factsInOrder(record.facts),
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

const isNumber = (value: unknown): boolean => value === undefined || Number.isFinite(value)

/** The engine would write what is no number as null. */
const numbersAreNumbers = ({ at, seq, ms, deadline, epoch, feed }: ReturnType<typeof inOrder>): boolean =>
  [at, seq, ms, deadline, epoch, feed].every(isNumber)

/** What a fact may be by its type; the engine would drop or change some of what it may not be. */
const isFact = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  value === null ||
  Number.isFinite(value) ||
  (Array.isArray(value) && value.every((item) => typeof item === 'string'))

/** What stands in facts is left to the general way where the engine might say it otherwise. */
const isEasy = (facts: Facts | undefined): boolean =>
  facts === undefined || (isSorted(Object.keys(facts)) && Object.values(facts).every(isFact))

/** Throws `bug` for what JSON cannot say. Members that are undefined say the same as members that are not there. */
export const recordText = (record: LedgerRecord): string => {
  const ordered = inOrder(record)
  if (!isEasy(ordered.facts)) return canonicalizeDefined(ordered)
  if (!numbersAreNumbers(ordered)) throw bug('record_number', `a ${record.kind} with a number that is none`)
  const text = JSON.stringify(ordered)
  // The engine escapes half of a surrogate pair, and nothing else, in this way.
  return text.includes('\\ud') ? canonicalizeDefined(ordered) : text
}
