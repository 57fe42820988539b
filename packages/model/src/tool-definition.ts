/** What a decision about a tool is bound to: everything that its definition says. */
import { createHash } from 'node:crypto'
import { canonicalize, type JsonObject } from '@credence/kit/json'

/**
 * base64url(SHA-256(RFC 8785 form of the definition without `_meta`)): metadata changes from answer to answer and is not
 * part of what the tool is. INVARIANT: the only spelling; registry, gateway and records compare what it gives.
 */
export const toolDefinitionHash = (definition: JsonObject): string => {
  const { _meta, ...meant } = definition
  return createHash('sha256').update(canonicalize(meant)).digest('base64url')
}
