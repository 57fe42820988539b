/** The context of a question: facts about this one call. docs/policy.md describes them. */
import type { Clock } from '@credence/kit'
import type { CallerFacts, Operation } from '@credence/model'
import { CedarDatetime } from '../compile/extensions/datetime.ts'
import { type Shape, shapeOf } from '../compile/shape.ts'
import { CedarRecord, CedarSet, type CedarValue, Uid } from '../compile/values.ts'
import type { ReadArguments } from './arguments.ts'
import type { ContextReads } from './reads.ts'

/** Names that cost something to make, each there only for a set of policies that reads it; `contextsFor` takes them in this order. */
const ON_DEMAND = ['chain', 'grant', 'instance', 'monday', 'now', 'strangers', 'untrusted'] as const

type OnDemand = (typeof ON_DEMAND)[number]

/** What is there or not from one question to the next; a bit each. */
const SUBJECT = 1
const ARGUMENTS = 2
const GRANT = 4
const INSTANCE = 8

const COMMON = ['client', 'consequential', 'depth', 'granted', 'proof', 'scopes', 'self'] as const

const present = (wanted: ReadonlySet<OnDemand>, mask: number): string[] => [
  ...COMMON,
  ...[...wanted].filter((name) => name !== 'grant' && name !== 'instance'),
  ...(mask & SUBJECT ? ['subject'] : []),
  ...(mask & ARGUMENTS ? ['arguments'] : []),
  ...(mask & GRANT ? ['grant'] : []),
  ...(mask & INSTANCE ? ['instance'] : []),
]

/** Shapes are found once for each combination of what is there. */
const shapes = (wanted: ReadonlySet<OnDemand>, names: readonly string[]): ((mask: number) => Shape) => {
  const made: (Shape | undefined)[] = []
  return (mask) => (made[mask] ??= shapeOf([...present(wanted, mask), ...names].sort()))
}

const DAY = 86_400_000

/** Midnight, in UTC, at which the Monday of this week began; 1 January 1970 was a Thursday. */
export const mondayOf = (now: number): number => {
  const day = Math.floor(now / DAY)
  return (day - ((((day + 3) % 7) + 7) % 7)) * DAY
}

/** Registered agents among the verified actors, the current one included. */
const chainOf = ({ actors }: CallerFacts): CedarSet =>
  new CedarSet(actors.flatMap(({ agent }) => (agent === undefined ? [] : [new Uid('Agent', agent)])))

const strangersIn = ({ actors }: CallerFacts): number => {
  let count = 0
  for (const { agent } of actors) if (agent === undefined) count++
  return count
}

const GRANT_SHAPE = shapeOf(['id', 'tools', 'until'])

/** `until`: epoch milliseconds. */
export const grantRecord = (id: string, tools: readonly string[], until: number): CedarRecord =>
  new CedarRecord(GRANT_SHAPE, [id, new CedarSet(tools), new CedarDatetime(until)])

/** What the token carries of the grant; it ends with the token, at the latest. */
const grantOf = (
  id: string,
  { authorizationDetails, expiresAt }: CallerFacts,
  { resource }: Operation,
): CedarRecord => {
  const tools = authorizationDetails.flatMap((detail) => (detail.locations[0] === resource ? detail.tools : []))
  return grantRecord(id, tools, expiresAt * 1000)
}

/** What both kinds of context are made of. `subject`: absent when an agent acts for itself. */
type Facts = readonly [
  operation: Operation,
  caller: CallerFacts,
  subject: Uid | undefined,
  granted: boolean,
  /** Asked only where a policy reads the time. */
  clock: Pick<Clock, 'now'>,
  /** The task has read what strangers wrote. */
  untrusted: boolean,
]

/** Makes contexts for one set of policies. */
export interface Contexts {
  call(read: ReadArguments, ...facts: Facts): CedarRecord
  /** `own`: what it is applied to is the caller's own. */
  authority(own: boolean, ...facts: Facts): CedarRecord
  /** Does a policy of the set read this name of the context? */
  reads(name: string): boolean
}

export const contextsFor = (reads: ContextReads): Contexts => {
  const wanted: ReadonlySet<OnDemand> = new Set(ON_DEMAND.filter((name) => reads === 'whole' || reads.has(name)))
  const callShape = shapes(wanted, ['argumentsOmitted'])
  const authorityShape = shapes(wanted, ['direct', 'own', 'target'])
  const [chain, grant, instance, monday, time, strangers, marked] = ON_DEMAND.map((name) => wanted.has(name))
  /** INVARIANT: values in the order of the shape's names. `read` is of a call, `own` of an act on the authority. */
  const make = (
    read: ReadArguments | undefined,
    own: boolean | undefined,
    operation: Operation,
    caller: CallerFacts,
    subject: Uid | undefined,
    granted: boolean,
    clock: Pick<Clock, 'now'>,
    untrusted: boolean,
  ): CedarRecord => {
    const values: CedarValue[] = []
    let mask = 0
    if (read?.arguments !== undefined) {
      mask |= ARGUMENTS
      values.push(read.arguments)
    }
    if (read !== undefined) values.push(read.omitted)
    if (chain) values.push(chainOf(caller))
    values.push(caller.clientId, operation.consequential, caller.actors.length)
    if (own !== undefined) values.push(caller.tokenId === undefined)
    if (grant && caller.grant !== undefined && subject !== undefined) {
      mask |= GRANT
      values.push(grantOf(caller.grant, caller, operation))
    }
    values.push(granted)
    const copy = instance ? caller.actors[0]?.instance : undefined
    if (copy !== undefined) {
      mask |= INSTANCE
      values.push(copy)
    }
    const now = monday || time ? clock.now() : 0
    if (monday) values.push(new CedarDatetime(mondayOf(now)))
    if (time) values.push(new CedarDatetime(now))
    if (own !== undefined) values.push(own)
    values.push(caller.proof, new CedarSet(caller.scope), subject === undefined)
    if (strangers) values.push(strangersIn(caller))
    if (subject !== undefined) {
      mask |= SUBJECT
      values.push(subject)
    }
    if (own !== undefined) values.push(operation.name)
    if (marked) values.push(untrusted)
    return new CedarRecord(own === undefined ? callShape(mask) : authorityShape(mask), values)
  }
  return {
    // NOTE: written out, since a list of what is passed on would be made for every decision.
    call: (read, operation, caller, subject, granted, clock, untrusted) =>
      make(read, undefined, operation, caller, subject, granted, clock, untrusted),
    authority: (own, operation, caller, subject, granted, clock, untrusted) =>
      make(undefined, own, operation, caller, subject, granted, clock, untrusted),
    reads: (name) => reads === 'whole' || reads.has(name),
  }
}
