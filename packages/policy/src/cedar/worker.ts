/** The thread that runs cedar-wasm. A trap spoils the module for good, so after one this thread is replaced. */
import './inlined-wasm.ts'
import { parentPort } from 'node:worker_threads'
import { type DetailedError, preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import { parseExact } from './exact-json.ts'
import { kindOf } from './kinds.ts'
import type { AuthorizeAnswer, AuthorizeJob, CedarJob, CedarReply, PolicyTexts } from './messages.ts'
import { readTexts } from './read-text.ts'

class Declined extends Error {}

const first = (errors: readonly DetailedError[]): string => errors[0]?.message ?? 'no reason given'

const prepare = (slot: string, { policies, templates, links }: PolicyTexts): void => {
  const templateLinks = (links ?? []).map(({ values, ...link }) => ({ ...link, values: { ...values } }))
  const set = { staticPolicies: { ...policies }, templates: { ...templates }, templateLinks }
  const prepared = preparsePolicySet(slot, set as Parameters<typeof preparsePolicySet>[1])
  if (prepared.type === 'failure') throw new Declined(first(prepared.errors))
}

const authorize = ({ slot, set, request }: AuthorizeJob): AuthorizeAnswer => {
  if (set !== undefined) prepare(slot, set)
  // NOTE: it is a `CedarRequest` in Cedar's JSON form, whose types do not admit integers as text.
  const asked = parseExact(request) as Omit<Parameters<typeof statefulIsAuthorized>[0], 'preparsedPolicySetId'>
  const answer = statefulIsAuthorized({ ...asked, preparsedPolicySetId: slot })
  if (answer.type === 'failure') throw new Declined(first(answer.errors))
  const { decision, diagnostics } = answer.response
  return {
    allow: decision === 'allow',
    reasons: diagnostics.reason,
    errors: diagnostics.errors.map(({ policyId, error: { message } }) => ({
      policy: policyId,
      kind: kindOf(message),
      message,
    })),
  }
}

const reply = (job: CedarJob): CedarReply => {
  try {
    return { ok: true, answer: job.kind === 'read' ? readTexts(job) : authorize(job) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // INVARIANT: whatever we did not throw ourselves may have left the module broken.
    return { ok: false, trapped: !(error instanceof Declined), message }
  }
}

parentPort?.on('message', (job: CedarJob) => parentPort?.postMessage(reply(job)))
