/** One task as a tree: for whom, through whom, what was asked, decided and done, and what cut it short. Pure. */
import type { IntentRecord, LedgerRecord, OutcomeRecord, Party, ReductionRecord, RefusalRecord } from '@credence/model'
import { revocationKey } from '@credence/model'

export interface Located {
  readonly index: number
  readonly record: LedgerRecord
}

export interface TraceCall {
  readonly type: 'call'
  readonly at: number
  readonly index: number
  readonly intent: IntentRecord
  /** Missing: not known yet, or never. */
  readonly outcome?: OutcomeRecord
  readonly outcomeIndex?: number
}

export interface TraceRefusal {
  readonly type: 'refusal'
  readonly at: number
  readonly index: number
  readonly refusal: RefusalRecord
}

export interface TraceReduction {
  readonly type: 'reduction'
  readonly at: number
  readonly index: number
  readonly reduction: ReductionRecord
}

export type TraceStep = TraceCall | TraceRefusal | TraceReduction

/** Everything one chain of actors did for one subject. */
export interface TraceBranch {
  readonly subject: Party | undefined
  /** Outermost (current) last, as authority flows. */
  readonly actors: IntentRecord['actors']
  readonly client: string | undefined
  readonly steps: readonly TraceStep[]
}

export interface TraceTree {
  readonly id: string
  readonly txns: readonly string[]
  readonly traces: readonly string[]
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly calls: number
  readonly refusals: number
  readonly reductions: number
  readonly branches: readonly TraceBranch[]
  /** Things an auditor should look at: no outcome, one trace id under two transactions. */
  readonly alerts: readonly string[]
}

type Actors = IntentRecord['actors']

/** The token that an act made: issuing names it, since the caller had none yet. */
const mintedToken = (record: LedgerRecord): string | undefined => {
  const jti = 'facts' in record ? record.facts?.jti : undefined
  return typeof jti === 'string' ? jti : undefined
}

/** What an act on the authority was applied to: `grt_...`, or `grant:grt_...` where the kind is said too. */
const actedOn = (record: LedgerRecord): string | undefined =>
  record.kind === 'intent' ? /^(?:[a-z]+:)?((?:grt|agt|jti|usr|own|ses)_[\w-]+)$/.exec(record.name)?.[1] : undefined

/** Under which words a record is found. */
export const recordKeys = (record: LedgerRecord): string[] => {
  const keys: (string | undefined)[] = [record.id, mintedToken(record), actedOn(record)]
  if (record.kind === 'outcome') keys.push(record.intent, record.operation)
  if (record.kind === 'reduction') keys.push(...record.keys)
  if (record.kind === 'intent') keys.push(record.operation, record.token, record.decision.id)
  if (record.kind === 'refusal') keys.push(record.decision?.id)
  if (record.kind === 'intent' || record.kind === 'refusal') {
    keys.push(record.op, record.jti, record.grant, record.txn, record.trace, record.client, metaTrace(record))
    keys.push(...(record.actors ?? []).flatMap(({ sub, agent }) => [sub, agent]), record.subject?.sub)
  }
  return [...new Set(keys.filter((key) => key !== undefined && key !== ''))] as string[]
}

/** The trace that the message itself named, where the header field named none or another one. */
const metaTrace = (record: LedgerRecord): string | undefined => {
  const named = 'facts' in record ? record.facts?.meta_trace : undefined
  return typeof named === 'string' ? named : undefined
}

/** The revocation keys that would have stopped this record's caller. */
export const reductionKeys = (record: LedgerRecord): string[] => {
  if (record.kind !== 'intent' && record.kind !== 'refusal') return []
  const keys: string[] = []
  if (record.jti !== undefined) keys.push(revocationKey.token(record.jti))
  if (record.grant !== undefined) keys.push(revocationKey.grant(record.grant))
  if (record.client !== undefined) keys.push(revocationKey.client(record.client))
  if (record.subject !== undefined) keys.push(revocationKey.party(record.subject))
  if (record.kind === 'intent' && record.jkt !== undefined) keys.push(revocationKey.proofKey(record.jkt))
  for (const { iss, sub, agent, owner } of record.actors ?? []) {
    keys.push(revocationKey.party({ iss, sub }))
    if (agent !== undefined) keys.push(revocationKey.agent(agent))
    if (owner !== undefined) keys.push(revocationKey.owner(owner))
  }
  return keys
}

/** Grows what matches the id to the whole of its tasks: same txn, outcomes of its intents, reductions of its authority. */
export const selectTask = (records: readonly Located[], id: string): Located[] => {
  const direct = records.filter(({ record }) => recordKeys(record).includes(id))
  const txns = new Set(direct.map(({ record }) => ('txn' in record ? record.txn : undefined)))
  const intents = new Set(direct.map(({ record }) => (record.kind === 'outcome' ? record.intent : record.id)))
  txns.delete(undefined)
  const task = records.filter(
    ({ record }) => intents.has(record.id) || ('txn' in record && record.txn !== undefined && txns.has(record.txn)),
  )
  const ids = new Set(task.map(({ record }) => record.id as string))
  const keys = new Set(task.flatMap(({ record }) => reductionKeys(record)))
  return records.filter(
    ({ record }) =>
      ids.has(record.id) ||
      (record.kind === 'outcome' && ids.has(record.intent)) ||
      (record.kind === 'reduction' && record.keys.some((key) => keys.has(key))),
  )
}

/** `records`: in the order of the ledger. Whatever does not belong to the task of `id` is left out. */
export const trace = (records: readonly Located[], id: string): TraceTree => {
  const task = selectTask(records, id)
  const steps = toSteps(task)
  const times = task.map(({ record }) => record.at)
  const known = (member: 'txn' | 'trace') =>
    [...new Set(task.flatMap(({ record }) => (member in record ? [(record as RefusalRecord)[member]] : [])))].filter(
      (value) => value !== undefined,
    )
  return {
    id,
    txns: known('txn'),
    traces: known('trace'),
    startedAt: times.length > 0 ? times.reduce((a, b) => Math.min(a, b)) : undefined,
    endedAt: times.length > 0 ? times.reduce((a, b) => Math.max(a, b)) : undefined,
    calls: steps.filter(({ type }) => type === 'call').length,
    refusals: steps.filter(({ type }) => type === 'refusal').length,
    reductions: steps.filter(({ type }) => type === 'reduction').length,
    branches: toBranches(steps),
    alerts: findAlerts(task, steps),
  }
}

const toSteps = (task: readonly Located[]): TraceStep[] => {
  const outcomes = new Map<string, Located & { readonly record: OutcomeRecord }>()
  for (const { index, record } of task) if (record.kind === 'outcome') outcomes.set(record.intent, { index, record })
  const steps: TraceStep[] = []
  for (const { index, record } of task) {
    const { at } = record
    if (record.kind === 'refusal') steps.push({ type: 'refusal', at, index, refusal: record })
    if (record.kind === 'reduction') steps.push({ type: 'reduction', at, index, reduction: record })
    if (record.kind !== 'intent') continue
    const outcome = outcomes.get(record.id)
    const end = outcome === undefined ? {} : { outcome: outcome.record, outcomeIndex: outcome.index }
    steps.push({ type: 'call', at, index, intent: record, ...end })
  }
  return steps
}

interface Who {
  readonly subject: Party | undefined
  readonly actors: Actors
  readonly client: string | undefined
}

const whoOf = (step: TraceStep): Who | undefined => {
  if (step.type === 'reduction') return undefined
  const { subject, actors = [], client } = step.type === 'call' ? step.intent : step.refusal
  return { subject, actors: [...actors].reverse(), client }
}

const keyOf = ({ subject, actors, client }: Who): string =>
  JSON.stringify([
    subject?.iss,
    subject?.sub,
    actors.map(({ iss, sub }) => [iss, sub]),
    actors.length > 0 ? '' : client,
  ])

/** A revocation is shown in every branch whose authority it took. */
const toBranches = (steps: readonly TraceStep[]): TraceBranch[] => {
  const branches = new Map<string, Who & { steps: TraceStep[]; keys: Set<string> }>()
  for (const step of steps) {
    const who = whoOf(step)
    if (who === undefined) continue
    const branch = branches.get(keyOf(who)) ?? { ...who, steps: [], keys: new Set<string>() }
    branches.set(keyOf(who), branch)
    branch.steps.push(step)
    for (const key of reductionKeys(step.type === 'call' ? step.intent : (step as TraceRefusal).refusal))
      branch.keys.add(key)
  }
  for (const step of steps) {
    if (step.type !== 'reduction') continue
    const hit = [...branches.values()].filter(({ keys }) => step.reduction.keys.some((key) => keys.has(key)))
    for (const branch of hit) branch.steps.push(step)
    if (hit.length === 0) {
      branches.set(`reduction ${step.index}`, {
        subject: undefined,
        actors: [],
        client: undefined,
        steps: [step],
        keys: new Set(),
      })
    }
  }
  return [...branches.values()].map(({ subject, actors, client, steps: own }) => ({
    subject,
    actors,
    client,
    steps: own.sort((a, b) => a.index - b.index),
  }))
}

const findAlerts = (task: readonly Located[], steps: readonly TraceStep[]): string[] => {
  const alerts: string[] = []
  for (const step of steps) {
    if (step.type === 'call' && step.outcome === undefined) alerts.push(`#${step.index} has no outcome`)
  }
  for (const { record, index } of task) {
    const [header, meta] = ['trace' in record ? record.trace : undefined, metaTrace(record)]
    if (header !== undefined && meta !== undefined)
      alerts.push(`#${index} came with trace ${header} in HTTP and ${meta} in the message`)
  }
  const txnsOf = new Map<string, Set<string>>()
  for (const { record } of task) {
    if (!('trace' in record) || record.trace === undefined || record.txn === undefined) continue
    const txns = txnsOf.get(record.trace) ?? new Set()
    txnsOf.set(record.trace, txns.add(record.txn))
  }
  for (const [hint, txns] of txnsOf)
    if (txns.size > 1) alerts.push(`trace ${hint} appears in ${txns.size} transactions`)
  return alerts
}
