/** OpenID AuthZEN Authorization API 1.0: evaluation and evaluations. Unknown members are ignored, as it wants. */
import { refused } from '@credence/kit'
import { z } from 'zod'

const Text = z.string().min(1).max(2048)
const Properties = z.record(z.string(), z.unknown())

export const Subject = z.object({ type: Text, id: Text, properties: Properties.optional() })
export type Subject = z.infer<typeof Subject>
export const Resource = z.object({ type: Text, id: Text, properties: Properties.optional() })
export type Resource = z.infer<typeof Resource>
export const Action = z.object({ name: Text, properties: Properties.optional() })
export type Action = z.infer<typeof Action>

export const EvaluationRequest = z.object({
  subject: Subject,
  action: Action,
  resource: Resource,
  context: Properties.optional(),
})
export type EvaluationRequest = z.infer<typeof EvaluationRequest>

export const EvaluationResponse = z.object({ decision: z.boolean(), context: Properties.optional() })
export type EvaluationResponse = z.infer<typeof EvaluationResponse>

export const EVALUATION_SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const
export type EvaluationSemantic = (typeof EVALUATION_SEMANTICS)[number]

const MAXIMUM_ITEMS = 256
const Loose = z.record(z.string(), z.unknown())

const EvaluationsShape = z.object({
  subject: Loose.optional(),
  action: Loose.optional(),
  resource: Loose.optional(),
  context: Properties.optional(),
  evaluations: z
    .array(
      z.object({
        subject: Loose.optional(),
        action: Loose.optional(),
        resource: Loose.optional(),
        context: Properties.optional(),
      }),
    )
    .max(MAXIMUM_ITEMS)
    .optional(),
  options: z.object({ evaluations_semantic: z.enum(EVALUATION_SEMANTICS).optional() }).optional(),
})

export const EvaluationsResponse = z.object({ evaluations: z.array(EvaluationResponse) })
export type EvaluationsResponse = z.infer<typeof EvaluationsResponse>

/** Authorization API 1.0, error responses: 400 with a message string. A refusal by policy is never an error. */
const badRequest = (error: z.ZodError) => {
  const [issue] = error.issues
  const where = issue?.path.join('.') ?? ''
  return refused('authzen_request_malformed', `Malformed request${where === '' ? '' : ` at ${where}`}.`, {
    status: 400,
    detail: error.message,
  })
}

export const parseEvaluationRequest = (body: unknown): EvaluationRequest => {
  const parsed = EvaluationRequest.safeParse(body)
  if (!parsed.success) throw badRequest(parsed.error)
  return parsed.data
}

export interface EvaluationsRequest {
  readonly semantic: EvaluationSemantic
  /** `undefined` where the item lacks what a request needs: it is answered with `decision: false` and the others go on. */
  readonly items: readonly (EvaluationRequest | undefined)[]
  /** An absent or empty `evaluations` is one evaluation and answered as one. */
  readonly single: boolean
}

type Item = Record<'subject' | 'action' | 'resource' | 'context', Record<string, unknown> | undefined>

/**
 * An item's object replaces the default as a whole. Only a missing `type` is taken from the default: properties of one
 * resource must not leak into the decision on another.
 */
const replaceDefault = (
  item: Record<string, unknown> | undefined,
  byDefault: Record<string, unknown> | undefined,
): Record<string, unknown> | undefined => {
  if (item === undefined) return byDefault
  return item.type === undefined && byDefault?.type !== undefined ? { ...item, type: byDefault.type } : item
}

const resolve = (item: Partial<Item>, byDefault: Partial<Item>): EvaluationRequest | undefined => {
  const parsed = EvaluationRequest.safeParse({
    subject: replaceDefault(item.subject, byDefault.subject),
    action: item.action ?? byDefault.action,
    resource: replaceDefault(item.resource, byDefault.resource),
    context: item.context ?? byDefault.context,
  })
  return parsed.success ? parsed.data : undefined
}

export const parseEvaluationsRequest = (body: unknown): EvaluationsRequest => {
  const parsed = EvaluationsShape.safeParse(body)
  if (!parsed.success) throw badRequest(parsed.error)
  const { evaluations, options, ...byDefault } = parsed.data
  const semantic = options?.evaluations_semantic ?? 'execute_all'
  if (evaluations === undefined || evaluations.length === 0) {
    return { semantic, items: [parseEvaluationRequest(byDefault)], single: true }
  }
  return { semantic, items: evaluations.map((item) => resolve(item, byDefault)), single: false }
}

/** Whether this answer ends the batch; the deciding item is the last one of the answer. */
export const endsBatch = (semantic: EvaluationSemantic, decision: boolean): boolean =>
  (semantic === 'deny_on_first_deny' && !decision) || (semantic === 'permit_on_first_permit' && decision)

/** A PDP's answer as a PEP reads it: `"true"` and `1` are not permissions, and neither is a broken answer. */
export const parseEvaluationResponse = (body: unknown): EvaluationResponse => {
  const parsed = EvaluationResponse.safeParse(body)
  if (!parsed.success)
    throw refused('authzen_response_malformed', 'The decision point answered nonsense.', { status: 502 })
  return parsed.data
}
