/** Recorded decisions under another set of policies. What depends on what nobody recorded cannot be told, and is said so. */

import type { RegistryView } from '../registry-view.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import { askScene } from './ask.ts'
import { standingOf } from './explain/explain.ts'
import { type Prepared, preparePolicies } from './explain/prepare.ts'
import { type Answer, MATCHES, type Matches, settle } from './explain/settle.ts'
import {
  answerOf,
  type DecidedRecord,
  decidedByGrant,
  decidedElsewhere,
  type Recorded,
  sceneOfRecord,
  unknownsIn,
  versionOf,
} from './recorded.ts'

export interface Replayed {
  readonly record: string
  readonly decision: string
  readonly at: number
  readonly agent: string
  readonly resource: string
  readonly method: string
  readonly name: string
  readonly was: Answer
  /** Undefined: it cannot be told. */
  readonly becomes: Answer | undefined
  /** Policies that would decide. */
  readonly by: readonly string[]
  /** Why it cannot be told. */
  readonly why?: string
}

/** A set with its policies ready to be looked at one by one. */
export interface LookedAt {
  readonly snapshot: PolicySnapshot
  readonly prepared: readonly Prepared[]
}

export const lookAt = async (snapshot: PolicySnapshot): Promise<LookedAt> => ({
  snapshot,
  prepared: await preparePolicies(snapshot),
})

export interface WhatIf {
  readonly issuer: string
  /** As it is today. */
  readonly registry: RegistryView
  readonly next: LookedAt
  /** The set that made a decision, by its version; undefined when it is not kept. */
  readonly before: (version: string) => Promise<LookedAt | undefined>
}

type Standings = ReadonlyMap<string, Matches>

const standingsIn = async ({ snapshot, prepared }: LookedAt, recorded: Recorded): Promise<Standings | undefined> => {
  const { policies: asked } = await askScene(snapshot, recorded.scene)
  if (asked === undefined) return undefined
  const unknowns = unknownsIn(snapshot, recorded.unknowns)
  return new Map(
    prepared.map((policy) => [policy.info.id, MATCHES[standingOf(policy, asked.question, asked.view, unknowns)]]),
  )
}

/** A list that was cut for its length ends in an ellipsis and a number. */
const isWhole = (policies: readonly string[]): boolean => policies.every((id) => !id.includes('…'))

/**
 * What the record itself says of a policy of the set that decided: a yes names every permit that holds and says that no
 * forbid does; a no names every forbid that holds.
 */
const saidByRecord = (record: DecidedRecord, { info }: Prepared): Matches => {
  const { policies } = record.decision
  if (!isWhole(policies)) return 'unknown'
  const named = policies.includes(info.id)
  if (answerOf(record) !== 'deny') return info.effect === 'permit' && named ? 'yes' : 'no'
  if (info.effect === 'forbid') return named ? 'yes' : 'no'
  return policies.length === 0 ? 'no' : 'unknown'
}

const isSame = (a: Prepared, b: Prepared | undefined): boolean =>
  b !== undefined &&
  a.info.text === b.info.text &&
  JSON.stringify(a.info.slots ?? {}) === JSON.stringify(b.info.slots ?? {})

/** Types of arguments and groups of actions come from the schema. */
const sameSchema = (a: LookedAt, b: LookedAt): boolean =>
  a.snapshot.source.schema?.text === b.snapshot.source.schema?.text

/** Do today's facts give what was recorded? Otherwise they have changed since, and nothing can be made of them. */
const contradicts = (record: DecidedRecord, old: LookedAt, then: Standings): boolean =>
  old.prepared.some((policy) => {
    const now = then.get(policy.info.id) ?? 'unknown'
    const said = saidByRecord(record, policy)
    return now !== 'unknown' && said !== 'unknown' && now !== said
  })

const withRecord = (record: DecidedRecord, old: LookedAt, next: LookedAt, now: Standings): Standings => {
  if (!sameSchema(old, next)) return now
  const byId = new Map(old.prepared.map((policy) => [policy.info.id, policy]))
  return new Map(
    next.prepared.map((policy) => {
      const standing = now.get(policy.info.id) ?? 'unknown'
      const known = standing !== 'unknown' || !isSame(policy, byId.get(policy.info.id))
      return [policy.info.id, known ? standing : saidByRecord(record, policy)]
    }),
  )
}

type Told = Pick<Replayed, 'becomes' | 'by' | 'why'>
const untold = (why: string): Told => ({ becomes: undefined, by: [], why })

const tell = async (record: DecidedRecord, { registry, issuer, next, before }: WhatIf): Promise<Told> => {
  if (decidedByGrant(record)) return { becomes: 'deny', by: ['grant'] }
  if (decidedElsewhere(record)) return untold('another decision point decided it alone')
  const recorded = sceneOfRecord(record, registry, issuer)
  if ('untold' in recorded) return untold(recorded.untold)
  const old = await before(versionOf(record))
  if (old === undefined) return untold('the policies that decided it are not kept')
  const then = await standingsIn(old, recorded)
  const now = await standingsIn(next, recorded)
  if (then === undefined || now === undefined) return untold('its grant cannot be told from its record')
  if (contradicts(record, old, then)) return untold('labels, roles or states in the registry have changed since')
  const { answer, by, open } = settle(next.snapshot.policies, withRecord(record, old, next, now))
  return answer === undefined
    ? untold(`${open.join(', ')} reads arguments, scopes or proof, which the record does not hold`)
    : { becomes: answer, by }
}

export const replay = async (record: DecidedRecord, whatIf: WhatIf): Promise<Replayed> => ({
  record: record.id,
  decision: record.decision.id,
  at: record.at,
  agent: record.actors?.[0]?.agent ?? record.actors?.[0]?.sub ?? record.client ?? '',
  resource: record.resource,
  method: record.method ?? '',
  name: record.name ?? '',
  was: answerOf(record),
  ...(await tell(record, whatIf)),
})
