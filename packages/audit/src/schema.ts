/** The shape of every record, checked when it comes from another process and when it is read back. */
import { isId } from '@credence/kit'
import type { DomainId, LedgerRecord, RecordId } from '@credence/model'
import { z } from 'zod'

const text = (max: number) => z.string().max(max)
const milliseconds = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const party = z.strictObject({ iss: text(512), sub: text(512) })
const actors = z
  .array(
    z.strictObject({
      iss: text(512),
      sub: text(512),
      agent: text(256).exactOptional(),
      owner: text(256).exactOptional(),
    }),
  )
  .max(16)
const decision = z.strictObject({
  id: text(64),
  policies: z.array(text(256)).max(64),
  version: text(128),
  reason: text(1024),
  by: z
    .array(
      z.strictObject({
        point: text(64),
        request: text(64),
        effect: z.enum(['granted', 'refused', 'pending']),
        version: text(128),
      }),
    )
    .max(4)
    .exactOptional(),
  observed: z.enum(['granted', 'refused', 'pending']).exactOptional(),
  untrusted: z.literal(true).exactOptional(),
  obligations: z.array(text(256)).max(64).exactOptional(),
  errors: z.array(text(256)).max(64).exactOptional(),
})
const facts = z.record(
  text(64),
  z.union([text(1024), z.number().finite(), z.boolean(), z.null(), z.array(text(256)).max(64)]),
)

const base = {
  v: z.literal(1),
  id: z.custom<RecordId>((value) => isId('rec', value)),
  domain: z.custom<DomainId>((value) => isId('dom', value)),
  at: milliseconds,
  emitter: z.string().min(1).max(128),
  seq: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
}

const intent = z.strictObject({
  ...base,
  kind: z.literal('intent'),
  operation: text(64),
  op: text(64),
  resource: text(2048),
  method: text(128),
  name: text(512),
  definition: text(64).exactOptional(),
  args: text(64).exactOptional(),
  subject: party,
  actors,
  client: text(2048),
  proof: text(32),
  jkt: text(64).exactOptional(),
  token: text(64).exactOptional(),
  jti: text(128).exactOptional(),
  grant: text(64).exactOptional(),
  txn: text(128).exactOptional(),
  trace: text(64).exactOptional(),
  decision,
  facts: facts.exactOptional(),
  deadline: milliseconds,
})

const outcome = z.strictObject({
  ...base,
  kind: z.literal('outcome'),
  intent: text(64),
  operation: text(64),
  status: z.enum(['done', 'failed', 'unknown']),
  code: text(128).exactOptional(),
  result: text(64).exactOptional(),
  ms: z.number().finite().min(0),
  facts: facts.exactOptional(),
})

const refusal = z.strictObject({
  ...base,
  kind: z.literal('refusal'),
  code: text(128),
  reason: text(1024),
  resource: text(2048),
  method: text(128).exactOptional(),
  name: text(512).exactOptional(),
  op: text(64).exactOptional(),
  subject: party.exactOptional(),
  actors: actors.exactOptional(),
  client: text(2048).exactOptional(),
  jti: text(128).exactOptional(),
  grant: text(64).exactOptional(),
  txn: text(128).exactOptional(),
  trace: text(64).exactOptional(),
  decision: decision.exactOptional(),
})

const epoch = z.strictObject({ ...base, kind: z.literal('epoch'), epoch: milliseconds, reason: text(1024) })

const reduction = z.strictObject({
  ...base,
  kind: z.literal('reduction'),
  feed: milliseconds,
  keys: z.array(text(1024)).max(64),
  by: party,
  reason: text(1024),
})

const alert = z.strictObject({
  ...base,
  kind: z.literal('alert'),
  code: text(128),
  reason: text(1024),
  facts: facts.exactOptional(),
})

export const RecordSchema: z.ZodType<LedgerRecord> = z.discriminatedUnion('kind', [
  intent,
  outcome,
  refusal,
  epoch,
  reduction,
  alert,
])
