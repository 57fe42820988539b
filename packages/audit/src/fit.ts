/**
 * What fits into a record. Whoever acts must not choose whether the record of the act can be read: free text and lists
 * are cut, visibly, and what names something exactly (ids, hashes) is refused when it is too long.
 * The hash of the operation (`op`) binds what was left out.
 */
import { refused } from '@credence/kit'
import type { IntentRecord, LedgerRecord } from '@credence/model'
import type { NewAlert, NewIntent } from './ports.ts'
import { withhold } from './secrets.ts'

const ITEMS = 64
const ITEM = 256
const TEXT = 1024
/** All names of one list together: a record has 4 KiB. */
const LIST_BYTES = 1_200

const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1).toWellFormed()}…`

/** Surely nothing to cut: three bytes are the most that one unit of a string takes. */
const isShort = (items: readonly string[]): boolean => {
  let units = 0
  for (const item of items) units += item.length
  return items.length < ITEMS && units <= ITEM && units * 3 <= LIST_BYTES
}

const cutList = (items: readonly string[]): readonly string[] => {
  const shown: string[] = []
  let room = LIST_BYTES
  for (const item of items) {
    const short = cut(item, ITEM)
    room -= Buffer.byteLength(short)
    if (room < 0 || (shown.length === ITEMS - 1 && items.length > ITEMS)) return [...shown, `… ${items.length} in all`]
    shown.push(short)
  }
  return shown
}

type Facts = NonNullable<IntentRecord['facts']>
type Fact = Facts[string]

const cutFact = (value: Fact): Fact => {
  if (typeof value === 'string') return cut(value, TEXT)
  return Array.isArray(value) ? cutList(value) : value
}

const mapFacts = (facts: Facts | undefined, change: (value: Fact) => Fact): { facts?: Facts } =>
  facts === undefined
    ? {}
    : { facts: Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, change(value)])) }

const shortened = (list: readonly string[]): readonly string[] => (isShort(list) ? list : cutList(list))

export const cutDecision = (decision: IntentRecord['decision']): IntentRecord['decision'] => ({
  ...decision,
  policies: shortened(decision.policies),
  reason: cut(decision.reason, TEXT),
  ...(decision.obligations === undefined ? {} : { obligations: shortened(decision.obligations) }),
  ...(decision.errors === undefined ? {} : { errors: shortened(decision.errors) }),
})

/** A trace id is a hint: one that is not one is left out. */
const TRACE = 64
const METHOD = 128
const NAME = 512

const fits = ({ method, name, decision, trace, facts }: NewIntent): boolean =>
  method.length <= METHOD &&
  name.length <= NAME &&
  decision.reason.length <= TEXT &&
  isShort(decision.policies) &&
  decision.obligations === undefined &&
  decision.errors === undefined &&
  (trace === undefined || trace.length <= TRACE) &&
  facts === undefined

export const fitIntent = (intent: NewIntent): NewIntent => {
  if (fits(intent)) return intent
  const { trace, facts, ...rest } = intent
  return {
    ...rest,
    method: cut(intent.method, METHOD),
    name: cut(intent.name, NAME),
    decision: cutDecision(intent.decision),
    ...(trace === undefined || trace.length > TRACE ? {} : { trace }),
    ...mapFacts(facts, cutFact),
  }
}

export const fitAlert = ({ code, reason, facts }: NewAlert): NewAlert => ({
  kind: 'alert',
  code: cut(code, METHOD),
  reason: cut(reason, TEXT),
  ...mapFacts(facts, (value) => (typeof value === 'string' ? withhold(value, ITEM) : cutFact(value))),
})

const tameDecision = ({ obligations: _demanded, errors: _skipped, ...decision }: IntentRecord['decision']) => ({
  ...decision,
  policies: decision.policies.slice(0, 8),
  reason: '',
})

/**
 * The record of an act that has happened already: what cannot be written as it is, is written without it.
 * INVARIANT: nothing that somebody put into a name keeps it, and everything behind it, out of the ledger.
 */
export const tameIntent = (intent: NewIntent): NewIntent => {
  const { trace: _hint, facts, ...rest } = intent
  return {
    ...rest,
    method: withhold(intent.method, 64),
    name: withhold(intent.name, 128),
    resource: withhold(intent.resource, 256),
    client: withhold(intent.client, 256),
    decision: tameDecision(intent.decision),
    ...mapFacts(facts, (value) => {
      if (typeof value === 'string') return withhold(value, 128)
      return Array.isArray(value) ? value.length : value
    }),
  }
}

const LONGEST: Readonly<Record<string, number>> = {
  operation: 64,
  op: 64,
  intent: 64,
  resource: 2048,
  method: 128,
  name: 512,
  definition: 64,
  args: 64,
  client: 2048,
  proof: 32,
  jkt: 64,
  token: 64,
  jti: 128,
  grant: 64,
  txn: 128,
  trace: 64,
  code: 128,
  result: 64,
  reason: 1024,
}

const LIMITS = Object.entries(LONGEST)

const tooLong = (record: LedgerRecord): string | undefined => {
  for (const [member, longest] of LIMITS) {
    const value: unknown = record[member as keyof LedgerRecord]
    if (typeof value === 'string' && value.length > longest) return member
  }
  if ('actors' in record && (record.actors?.length ?? 0) > 16) return 'actors'
  return 'keys' in record && record.keys.length > ITEMS ? 'keys' : undefined
}

/** INVARIANT: what is written can be read: the limits of the schema, without its cost on every record. */
export const assertReadable = (record: LedgerRecord): void => {
  const member = tooLong(record)
  if (member === undefined) return
  throw refused('record_too_large', 'What would have to be recorded is too long.', {
    status: 413,
    detail: `${member} of a ${record.kind}`,
  })
}
