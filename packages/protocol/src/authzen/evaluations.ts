/** Access Evaluations: many questions in one request. */
import { isCredenceError } from '@credence/kit'
import { z } from 'zod'
import { bodyOf, Context, isObject, type Members, malformed, optionalObject } from './entity.ts'
import { type EvaluationRequest, EvaluationResponse, readEvaluation } from './evaluation.ts'

export const EVALUATION_SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const
export type EvaluationSemantic = (typeof EVALUATION_SEMANTICS)[number]

export const MAXIMUM_ITEMS = 1000

const Parts = z.object({
  subject: Context.optional(),
  action: Context.optional(),
  resource: Context.optional(),
  context: Context.optional(),
})

export const EvaluationsBody = Parts.extend({
  evaluations: z.array(Parts).max(MAXIMUM_ITEMS).optional(),
  options: z.object({ evaluations_semantic: z.enum(EVALUATION_SEMANTICS).optional() }).optional(),
})

export const EvaluationsResponse = z.object({ evaluations: z.array(EvaluationResponse) })
export type EvaluationsResponse = z.infer<typeof EvaluationsResponse>

/** What an item lacks, in words: it is answered with `decision: false`, and the others go on. */
export interface MalformedItem {
  readonly malformed: string
}

export interface EvaluationsRequest {
  readonly semantic: EvaluationSemantic
  readonly items: readonly (EvaluationRequest | MalformedItem)[]
  /** An absent or empty `evaluations` is one evaluation and answered as one. */
  readonly single: boolean
}

export const isMalformed = (item: EvaluationRequest | MalformedItem): item is MalformedItem => 'malformed' in item

/**
 * An item's object replaces the default as a whole. Only a missing `type` is taken from the default: properties of one
 * resource must not leak into the decision on another.
 */
const replaceDefault = (item: unknown, byDefault: Members | undefined): unknown => {
  if (item === undefined) return byDefault
  if (!isObject(item) || item.type !== undefined || byDefault?.type === undefined) return item
  return { ...item, type: byDefault.type }
}

type Defaults = Readonly<Record<'subject' | 'action' | 'resource' | 'context', Members | undefined>>

const resolve = (item: Members, byDefault: Defaults): EvaluationRequest | MalformedItem => {
  try {
    return readEvaluation({
      subject: replaceDefault(item.subject, byDefault.subject),
      action: item.action === undefined ? byDefault.action : item.action,
      resource: replaceDefault(item.resource, byDefault.resource),
      context: item.context === undefined ? byDefault.context : item.context,
    })
  } catch (error) {
    if (isCredenceError(error) && error.kind === 'refused') return { malformed: error.message }
    throw error
  }
}

const semanticOf = (value: unknown): EvaluationSemantic => {
  const said = optionalObject(value, 'options')?.evaluations_semantic
  if (said === undefined) return 'execute_all'
  const known = EVALUATION_SEMANTICS.find((one) => one === said)
  if (known === undefined)
    throw malformed(`options.evaluations_semantic must be one of ${EVALUATION_SEMANTICS.join(', ')}.`)
  return known
}

const itemsOf = (value: unknown): readonly Members[] => {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw malformed('evaluations must be an array.')
  if (value.length > MAXIMUM_ITEMS) throw malformed(`evaluations must have at most ${MAXIMUM_ITEMS} items.`)
  if (!value.every(isObject)) throw malformed('evaluations must be an array of objects.')
  return value
}

export const parseEvaluationsRequest = (body: unknown): EvaluationsRequest => {
  const given = bodyOf(body)
  const semantic = semanticOf(given.options)
  const items = itemsOf(given.evaluations)
  if (items.length === 0) return { semantic, items: [readEvaluation(given)], single: true }
  const byDefault: Defaults = {
    subject: optionalObject(given.subject, 'subject'),
    action: optionalObject(given.action, 'action'),
    resource: optionalObject(given.resource, 'resource'),
    context: optionalObject(given.context, 'context'),
  }
  return { semantic, items: items.map((item) => resolve(item, byDefault)), single: false }
}

/** Whether this answer ends the batch; the deciding item is the last one of the answer. */
export const endsBatch = (semantic: EvaluationSemantic, decision: boolean): boolean =>
  (semantic === 'deny_on_first_deny' && !decision) || (semantic === 'permit_on_first_permit' && decision)
