/** Records as the bytes of leaves: RFC 8785 JSON, at most 4 KiB, without anything that opens a door. */
import { refused } from '@credence/kit'
import { canonicalize, canonicalizeDefined, parseStrict } from '@credence/kit/json'
import type { LedgerRecord } from '@credence/model'
import { assertReadable } from './fit.ts'
import { RecordSchema } from './schema.ts'
import { assertNoSecrets, mayHoldSecret } from './secrets.ts'

export const MAX_RECORD_BYTES = 4096

type MemberOf<Kind> = Kind extends unknown ? keyof Kind : never

/** In the order in which they are written, so that nobody has to sort them. The compiler knows when one is missing. */
const inOrder = (
  record: { readonly [Name in MemberOf<LedgerRecord>]?: unknown },
): {
  readonly [Name in MemberOf<LedgerRecord>]: unknown
} => ({
  actors: record.actors,
  args: record.args,
  at: record.at,
  by: record.by,
  client: record.client,
  code: record.code,
  deadline: record.deadline,
  decision: record.decision,
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
  subject: record.subject,
  token: record.token,
  trace: record.trace,
  txn: record.txn,
  v: record.v,
})

/** Throws `refused` for a record that is too large or carries what looks like a token or secret. */
export const encodeRecord = (record: LedgerRecord): Uint8Array => {
  assertReadable(record)
  const text = canonicalizeDefined(inOrder(record))
  if (mayHoldSecret(text)) assertNoSecrets(record)
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length > MAX_RECORD_BYTES) {
    throw refused('record_too_large', 'What would have to be recorded is too long.', {
      status: 413,
      detail: `${record.kind} of ${bytes.length} bytes`,
    })
  }
  return bytes
}

/** A record from outside or from JSON. Throws `refused` (`record_malformed`). */
export const checkRecord = (value: unknown): LedgerRecord => {
  const result = RecordSchema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw refused('record_malformed', 'Not a record.', {
    status: 400,
    detail: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  })
}

/** INVARIANT: one record has one sequence of bytes; anything else that says the same is refused. */
export const decodeRecord = (bytes: Uint8Array): LedgerRecord => {
  if (bytes.length > MAX_RECORD_BYTES) throw refused('record_too_large', 'Not a record.', { status: 413 })
  const record = checkRecord(parseStrict(bytes, { maxBytes: MAX_RECORD_BYTES, maxDepth: 8, allowNul: true }))
  if (!Buffer.from(canonicalize(record), 'utf8').equals(bytes)) {
    throw refused('record_malformed', 'Not a record.', { status: 400, detail: 'not the canonical form' })
  }
  return record
}
