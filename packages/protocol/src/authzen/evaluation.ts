/** Access Evaluation: one question, one decision. */
import { refused } from '@credence/kit'
import { z } from 'zod'
import {
  Action,
  bodyOf,
  Context,
  type Members,
  optionalObject,
  Resource,
  readAction,
  readEntity,
  Subject,
} from './entity.ts'

export const EvaluationRequest = z.object({
  subject: Subject,
  action: Action,
  resource: Resource,
  context: Context.optional(),
})
export type EvaluationRequest = z.infer<typeof EvaluationRequest>

export const EvaluationResponse = z.object({ decision: z.boolean(), context: Context.optional() })
export type EvaluationResponse = z.infer<typeof EvaluationResponse>

/** The four parts, wherever they come from. Throws `refused` with status 400. */
export const readEvaluation = (parts: Readonly<Members>): EvaluationRequest => {
  const subject = readEntity(parts.subject, 'subject')
  const action = readAction(parts.action)
  const resource = readEntity(parts.resource, 'resource')
  const context = optionalObject(parts.context, 'context')
  return context === undefined ? { subject, action, resource } : { subject, action, resource, context }
}

export const parseEvaluationRequest = (body: unknown): EvaluationRequest => readEvaluation(bodyOf(body))

/** A PDP's answer as a PEP reads it: `"true"` and `1` are not permissions, and neither is a broken answer. */
export const parseEvaluationResponse = (body: unknown): EvaluationResponse => {
  const parsed = EvaluationResponse.safeParse(body)
  if (!parsed.success)
    throw refused('authzen_response_malformed', 'The decision point answered nonsense.', { status: 502 })
  return parsed.data
}
