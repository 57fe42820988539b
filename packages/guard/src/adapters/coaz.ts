/**
 * An operation in the words of COAZ-MCP (draft 1): the default mapping of its method, or the own mapping of its tool.
 * What is no MCP message is said in the same form.
 */
import type { JsonObject } from '@credence/kit/json'
import type { CallerFacts, Operation } from '@credence/model'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import {
  type CoazToken,
  evaluationOf,
  hasDefaultMapping,
  type OwnMapping,
  readOwnMapping,
} from '@credence/protocol/coaz'
import { defined } from '../defined.ts'

/** The mapping of a tool that stands in our registry; undefined: the default one. What it throws is a refusal. */
export type MappingOf = (operation: Operation) => OwnMapping | undefined | Promise<OwnMapping | undefined>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `params` of the message: of a call what the tool is given, of every other method all that it says; the target by its names. */
export const paramsOf = ({ method, name, arguments: args, more }: Operation): JsonObject => {
  const rest = isObject(more) ? more : {}
  if (method === 'tools/call') return { ...rest, name, arguments: args }
  return { ...rest, ...(isObject(args) ? args : {}), ...(name === '' ? {} : { name, uri: name, taskId: name }) }
}

/** Claims of the validated token, as far as they were verified here. `aud` is this server's own identifier (RFC 8707). */
export const coazToken = ({ subject, clientId, scope, grant, txn }: CallerFacts, resource: string): CoazToken => ({
  iss: subject.iss,
  sub: subject.sub,
  aud: resource,
  client_id: clientId,
  scope: scope.join(' '),
  ...defined({ grant_id: grant, txn }),
})

const plainRequest = (operation: Operation, caller: CallerFacts): EvaluationRequest => ({
  subject: { type: 'identity', id: caller.subject.sub },
  action: { name: operation.method },
  resource: { type: 'operation', id: operation.name === '' ? operation.resource : operation.name },
  context: { agent: caller.clientId },
})

/** The default mapping, and beside it what else was verified: under names that the draft does not use. */
export const evaluationRequest = (operation: Operation, caller: CallerFacts): EvaluationRequest => {
  const { subject, action, resource, context } = hasDefaultMapping(operation.method)
    ? evaluationOf(operation.method, paramsOf(operation), coazToken(caller, operation.resource))
    : plainRequest(operation, caller)
  return {
    subject: { ...subject, properties: { iss: caller.subject.iss } },
    action,
    resource: {
      ...resource,
      properties: { server: operation.resource, arguments: operation.arguments, labels: { ...operation.labels } },
    },
    context: {
      ...context,
      actors: caller.actors.map(({ party }) => ({ ...party })),
      scope: [...caller.scope],
      proof: caller.proof,
      consequential: operation.consequential,
      op: operation.op,
      ...defined({ grant: caller.grant, txn: caller.txn }),
    },
  }
}

/** For `request` of `createAuthZenDecider`: a tool with a mapping of its own is asked about in its words alone. */
export const coazRequests =
  (mappingOf: MappingOf) =>
  async (operation: Operation, caller: CallerFacts): Promise<readonly EvaluationRequest[]> => {
    const own = operation.method === 'tools/call' ? await mappingOf(operation) : undefined
    if (own === undefined) return [evaluationRequest(operation, caller)]
    return own.evaluations(paramsOf(operation), coazToken(caller, operation.resource))
  }

/**
 * Mappings as they stand in a registry, read once for each object. CEL is loaded with the first.
 * INVARIANT: a mapping that cannot be read refuses the call; it never falls back to the default one.
 */
export const mappingsOf = (find: (resource: string, tool: string) => JsonObject | undefined): MappingOf => {
  const known = new WeakMap<JsonObject, Promise<OwnMapping>>()
  const read = async (document: JsonObject): Promise<OwnMapping> => {
    const { mcpExpressions } = await import('@credence/protocol/coaz/cel')
    return readOwnMapping(document, mcpExpressions())
  }
  return ({ method, resource, name }) => {
    const document = method === 'tools/call' ? find(resource, name) : undefined
    if (document === undefined) return undefined
    const before = known.get(document) ?? read(document)
    known.set(document, before)
    return before
  }
}
