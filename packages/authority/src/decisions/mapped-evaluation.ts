/**
 * An enforcement point asks about a call of a tool that has a mapping in the registry: the mapping makes further questions
 * from the arguments, as for a call that goes through the gateway. Loaded with the first such question.
 *
 * INVARIANT: a mapping takes rights away and gives none, and what it needs and was not told is a no.
 */
import { isCredenceError } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import { type AuthZenOptions, type AuthZenResponse, decideAuthZen, type VerifiedFacts } from '@credence/policy'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import { type CoazToken, type OwnMapping, readOwnMapping } from '@credence/protocol/coaz'
import { mcpExpressions } from '@credence/protocol/coaz/cel'
import type { MappedTool } from './mapped-tool.ts'

const no = (before: AuthZenResponse, reason: string): AuthZenResponse => ({
  decision: false,
  context: { ...before.context, reason },
})

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What stands in the verified grant; never what the request says of itself. */
const tokenOf = (
  { subject, client, scopes = [], grant }: VerifiedFacts,
  { subject: { id } }: EvaluationRequest,
  server: string,
): CoazToken | undefined =>
  subject === undefined
    ? undefined
    : {
        iss: subject.iss,
        sub: subject.sub,
        aud: server,
        client_id: client ?? id,
        scope: scopes.join(' '),
        ...(grant === undefined ? {} : { grant_id: grant.id }),
      }

/** What the enforcement point can do, it can do for these questions too. */
const declaring = (question: EvaluationRequest, { context }: EvaluationRequest): EvaluationRequest =>
  context?.supported_obligations === undefined
    ? question
    : { ...question, context: { ...question.context, supported_obligations: context.supported_obligations } }

const both = (before: AuthZenResponse, answer: AuthZenResponse): AuthZenResponse => {
  const obligations = [...(before.context.obligations ?? []), ...(answer.context.obligations ?? [])]
  const policies = answer.context.policies.map((policy) => `mapping/${policy}`)
  return {
    decision: answer.decision,
    context: {
      ...(answer.decision ? before.context : answer.context),
      version: before.context.version,
      policies: [...new Set([...before.context.policies, ...policies])],
      ...(obligations.length === 0 ? {} : { obligations }),
    },
  }
}

const NEEDS_ARGUMENTS =
  'What a call of this tool is about stands in its arguments, by the mapping of the tool: say them as resource.properties.arguments.'
const NEEDS_GRANT =
  'What a call of this tool is about depends on whom it is for, by the mapping of the tool: name the grant as context.grant.'

/** Each document of the registry is read once. */
const known = new WeakMap<JsonObject, OwnMapping>()
const mappingOf = (document: JsonObject): OwnMapping => {
  const mapping = known.get(document) ?? readOwnMapping(document, mcpExpressions())
  known.set(document, mapping)
  return mapping
}

/** `own`: what the policies say of the call itself. Never rejects for what a caller sends. */
export const alsoMapped = async (
  own: AuthZenResponse,
  tool: MappedTool,
  request: EvaluationRequest,
  verified: VerifiedFacts,
  options: AuthZenOptions,
): Promise<AuthZenResponse> => {
  if (!own.decision) return own
  const args = request.resource.properties?.arguments
  if (!isObject(args)) return no(own, NEEDS_ARGUMENTS)
  const token = tokenOf(verified, request, tool.server)
  if (token === undefined) return no(own, NEEDS_GRANT)
  try {
    let decided = own
    for (const question of mappingOf(tool.mapping).evaluations({ name: tool.name, arguments: args }, token)) {
      decided = both(decided, await decideAuthZen(declaring(question, request), options))
      if (!decided.decision) return decided
    }
    return decided
  } catch (error) {
    if (!isCredenceError(error) || !error.code.startsWith('coaz_')) options.onError?.(error)
    return no(own, isCredenceError(error) ? error.message : 'The mapping of this tool could not be used.')
  }
}
