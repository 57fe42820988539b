/** The thread that runs cedar-wasm. A trap spoils the module for good, so after one this thread is replaced. */
import { parentPort } from 'node:worker_threads'
import {
  type DetailedError,
  policyToJson,
  preparsePolicySet,
  schemaToJson,
  statefulIsAuthorized,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs'
import type {
  AuthorizeAnswer,
  AuthorizeJob,
  CedarJob,
  CedarProblem,
  CedarReply,
  ReadAnswer,
  ReadJob,
} from './messages.ts'

class Declined extends Error {}

const problem = (error: DetailedError): CedarProblem => ({
  message: error.message,
  help: error.help,
  label: error.sourceLocations?.[0]?.label ?? null,
  start: error.sourceLocations?.[0]?.start ?? 0,
  starts: (error.sourceLocations ?? []).map(({ start }) => start),
})

const read = ({ schema, policies }: ReadJob): ReadAnswer => {
  const schemaAnswer = schemaToJson(schema)
  const found = policies.map((text) => {
    const answer = policyToJson(text)
    return answer.type === 'success'
      ? { json: JSON.stringify(answer.json), errors: [] as CedarProblem[], warnings: [] as CedarProblem[] }
      : { json: undefined, errors: answer.errors.map(problem), warnings: [] as CedarProblem[] }
  })
  if (schemaAnswer.type === 'failure') {
    return { schema: undefined, schemaProblems: schemaAnswer.errors.map(problem), policies: found }
  }
  const staticPolicies: Record<string, string> = {}
  for (const [index, text] of policies.entries()) if (found[index]?.json !== undefined) staticPolicies[index] = text
  const answer = validate({ schema, policies: { staticPolicies }, validationSettings: { mode: 'strict' } })
  if (answer.type === 'failure') {
    return { schema: undefined, schemaProblems: answer.errors.map(problem), policies: found }
  }
  for (const { policyId, error } of answer.validationErrors) found[Number(policyId)]?.errors.push(problem(error))
  for (const { policyId, error } of answer.validationWarnings) found[Number(policyId)]?.warnings.push(problem(error))
  return { schema: JSON.stringify(schemaAnswer.json), schemaProblems: [], policies: found }
}

const first = (errors: readonly DetailedError[]): string => errors[0]?.message ?? 'no reason given'

const authorize = ({ slot, policies, request }: AuthorizeJob): AuthorizeAnswer => {
  if (policies !== undefined) {
    const prepared = preparsePolicySet(slot, { staticPolicies: { ...policies } })
    if (prepared.type === 'failure') throw new Declined(first(prepared.errors))
  }
  const { principal, action, resource } = request
  const answer = statefulIsAuthorized({
    principal: { ...principal },
    action: { ...action },
    resource: { ...resource },
    // NOTE: these are JSON objects in Cedar's entity format; its types do not admit readonly ones.
    context: JSON.parse(JSON.stringify(request.context)),
    entities: JSON.parse(JSON.stringify(request.entities)),
    preparsedPolicySetId: slot,
  })
  if (answer.type === 'failure') throw new Declined(first(answer.errors))
  const { decision, diagnostics } = answer.response
  return {
    allow: decision === 'allow',
    reasons: diagnostics.reason,
    errors: diagnostics.errors.map(({ policyId, error }) => ({ policy: policyId, message: error.message })),
  }
}

const reply = (job: CedarJob): CedarReply => {
  try {
    return { ok: true, answer: job.kind === 'read' ? read(job) : authorize(job) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // INVARIANT: whatever we did not throw ourselves may have left the module broken.
    return { ok: false, trapped: !(error instanceof Declined), message }
  }
}

parentPort?.on('message', (job: CedarJob) => parentPort?.postMessage(reply(job)))
