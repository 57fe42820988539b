/** cedar-wasm in this thread, many questions for one prepared set. Inputs are ours and shallow, so nothing traps it. */
import '../../cedar/inlined-wasm.ts'
import { preparsePolicySet, preparseSchema, schemaToText, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import { kindOf } from '../../cedar/kinds.ts'
import type { NamedSet } from '../../cedar/lane.ts'
import type { AuthorizeAnswer, CedarRequest } from '../../cedar/messages.ts'

const SLOTS = 8
let used = 0
const held = new Map<string, string>()

const slotOf = ({ key, policies, templates, links }: NamedSet): string => {
  const known = held.get(key)
  if (known !== undefined) return known
  const slot = `fuzz ${used++ % SLOTS}`
  for (const [other, name] of held) if (name === slot) held.delete(other)
  const set = { staticPolicies: policies, templates, templateLinks: links }
  const answer = preparsePolicySet(slot, set as Parameters<typeof preparsePolicySet>[1])
  if (answer.type !== 'success') throw new Error(`not a set: ${answer.errors[0]?.message}`)
  held.set(key, slot)
  return slot
}

const SCHEMA = 'fuzz'

/** The schema's text; it is in force until the next one. */
export const useSchema = (json: unknown): string => {
  const text = schemaToText(json as Parameters<typeof schemaToText>[0])
  if (text.type !== 'success') throw new Error(`not a schema: ${text.errors[0]?.message}`)
  const answer = preparseSchema(SCHEMA, text.text)
  if (answer.type !== 'success') throw new Error(`not a schema: ${answer.errors[0]?.message}`)
  return text.text
}

export const askOracle = (set: NamedSet, request: CedarRequest, schema: boolean): AuthorizeAnswer => {
  const answer = statefulIsAuthorized({
    ...(request as unknown as Omit<Parameters<typeof statefulIsAuthorized>[0], 'preparsedPolicySetId'>),
    preparsedPolicySetId: slotOf(set),
    ...(schema ? { preparsedSchemaName: SCHEMA } : {}),
  })
  if (answer.type !== 'success') throw new Error(`not a question: ${answer.errors[0]?.message}`)
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
