/**
 * AuthZEN Profile for Obligations, draft 1 (3 July 2026): what a decision demands beside its yes or no. The members of
 * `context.obligations` moved within months before; whoever reads them reads them here.
 */
import { z } from 'zod'
import { isObject } from './entity.ts'

export const OBLIGATION_TYPES = ['step-up', 'notification', 'session_termination', 'custom'] as const
export type ObligationType = (typeof OBLIGATION_TYPES)[number]

const Text = z.string().min(1).max(8192)

const PROPERTIES: Readonly<Record<ObligationType, z.ZodType>> = {
  'step-up': z.looseObject({ acr_value: Text, amr_values: z.array(Text).max(64).optional() }),
  notification: z.looseObject({ to: Text, body: Text, topic: Text.optional() }),
  session_termination: z.looseObject({ subject: Text }),
  custom: z.record(z.string(), z.unknown()),
}

export interface Obligation {
  readonly id: string
  readonly type: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** The type of what cannot be read as an obligation. It is still one, and nobody can meet it, so it denies. */
export const UNREADABLE = 'unreadable'
const MAXIMUM = 64

const isType = (type: string): type is ObligationType => OBLIGATION_TYPES.some((one) => one === type)

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= 256 ? value : undefined

/** > Each element [...] id: REQUIRED, type: REQUIRED, properties: REQUIRED. (The Obligation Object) */
const readOne = (value: unknown, index: number, taken: Set<string>): Obligation => {
  const given = isObject(value) ? value : {}
  const id = text(given.id)
  const type = text(given.type)
  const unreadable = { id: `unreadable-${index}`, type: UNREADABLE, properties: {} }
  if (id === undefined || type === undefined || taken.has(id) || !isObject(given.properties)) return unreadable
  taken.add(id)
  if (isType(type) && !PROPERTIES[type].safeParse(given.properties).success) return { ...unreadable, id }
  return { id, type, properties: given.properties }
}

/** INVARIANT: as many come out as are in it, at least one if the member is there at all and is no list. */
export const readObligations = (context: Readonly<Record<string, unknown>> | undefined): readonly Obligation[] => {
  const given = context?.obligations
  if (given === undefined) return []
  if (!Array.isArray(given) || given.length > MAXIMUM) return [{ id: 'unreadable', type: UNREADABLE, properties: {} }]
  const taken = new Set<string>()
  return given.map((value: unknown, index) => readOne(value, index, taken))
}

/**
 * > Every value in a request's `supported_obligations` array MUST be drawn from the set the PDP has itself advertised
 */
export const declaredSupport = (meets: readonly string[], advertised: readonly string[] | undefined): string[] =>
  meets.filter((type) => advertised?.includes(type) === true)

/** What an enforcement point declared. Undefined: it said nothing, which says nothing about what it can do. */
export const supportedObligations = (
  context: Readonly<Record<string, unknown>> | undefined,
  advertised: readonly string[],
): readonly string[] | undefined => {
  const given = context?.supported_obligations
  return Array.isArray(given) ? advertised.filter((type) => given.includes(type)) : undefined
}
