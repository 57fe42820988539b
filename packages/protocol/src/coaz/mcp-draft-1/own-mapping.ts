/**
 * COAZ-MCP draft 1, Declared Mappings: a mapping of one tool, in place of the default of `tools/call`.
 *
 * Stricter than the draft, which says SHOULD: INVARIANT: the subject's id is the token's `sub` and the agent is the token's
 * client, whatever the mapping says; a mapping that says something else is a mapping error.
 */
import type { JsonObject, JsonValue } from '@credence/kit/json'
import { type EvaluationRequest, parseEvaluationRequest } from '../../authzen/index.ts'
import { mappingError } from '../errors.ts'
import type { ExpressionReader, Question } from '../framework-draft-1/index.ts'
import { readMapping } from '../framework-draft-1/index.ts'
import { type CoazToken, claimsOf } from './inputs.ts'

export interface OwnMapping {
  /** The questions about one call. Each must be permitted. Throws `coaz_mapping_failed`. */
  evaluations(params: JsonObject, token: CoazToken): readonly EvaluationRequest[]
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** > A PEP MUST reject a declared mapping that places `subject` inside an `evaluations` entry as a mapping error. */
const refuseSubjects = (document: JsonValue): void => {
  const template = isObject(document) ? document.evaluations : undefined
  const entries = isObject(template) ? template.evaluations : undefined
  if (Array.isArray(entries) && entries.some((entry) => isObject(entry) && Object.hasOwn(entry, 'subject')))
    throw mappingError('an entry of "evaluations" has a subject of its own.')
}

const anchored = (subject: JsonValue | undefined, token: CoazToken): JsonObject => {
  if (subject === undefined) return { type: 'identity', id: token.sub }
  if (!isObject(subject)) throw mappingError('the subject must be an object.')
  const { type = 'identity', id = token.sub } = subject
  if (id !== token.sub) throw mappingError('the subject is not the subject of the token.')
  return { ...subject, type, id }
}

const contextOf = (context: JsonValue | undefined, token: CoazToken): JsonObject => {
  if (context !== undefined && !isObject(context)) throw mappingError('the context must be an object.')
  const { agent: _said, ...rest } = context ?? {}
  return token.client_id === undefined ? rest : { ...rest, agent: token.client_id }
}

/** Ids that are numbers are what people write: `$params.arguments.id`. They are asked about as text. */
const withTextId = (resource: JsonValue | undefined): JsonValue | undefined =>
  isObject(resource) && typeof resource.id === 'number' ? { ...resource, id: String(resource.id) } : resource

const checked = (question: Question, token: CoazToken): EvaluationRequest => {
  const { subject, action, resource, context } = question
  try {
    return parseEvaluationRequest({
      subject: anchored(subject, token),
      action,
      resource: withTextId(resource),
      context: contextOf(context, token),
    })
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'coaz_mapping_failed') throw cause
    throw mappingError(cause instanceof Error ? cause.message : 'it makes no AuthZEN request.')
  }
}

/** Throws `coaz_mapping_failed` for what is no mapping; `reader` reads expressions over `params` and `token`. */
export const readOwnMapping = (document: JsonValue, reader: ExpressionReader): OwnMapping => {
  refuseSubjects(document)
  const mapping = readMapping(document, reader)
  return {
    evaluations: (params, token) =>
      mapping.questions({ params, token: claimsOf(token) }).map((question) => checked(question, token)),
  }
}

/** Where a server says how it wants a tool to be asked about. NOTE: that is the server's word; whoever uses it has accepted it. */
export const declaredMapping = (definition: JsonObject): JsonValue | undefined => {
  const { inputSchema } = definition
  return isObject(inputSchema) && Object.hasOwn(inputSchema, 'x-authzen-mapping')
    ? inputSchema['x-authzen-mapping']
    : undefined
}
