/** Records as the bytes of leaves: RFC 8785 JSON, at most 4 KiB, without anything that opens a door. */
import { refused } from '@credence/kit'
import { canonicalize, parseStrict } from '@credence/kit/json'
import type { LedgerRecord } from '@credence/model'
import { assertReadable } from './fit.ts'
import { recordText } from './record-text.ts'
import { RecordSchema } from './schema.ts'
import { assertNoSecrets, mayHoldSecret } from './secrets.ts'

export const MAX_RECORD_BYTES = 4096

/** Throws `refused` for a record that is too large or carries what looks like a token or secret. */
export const encodeRecord = (record: LedgerRecord): Uint8Array => {
  assertReadable(record)
  const text = recordText(record)
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
