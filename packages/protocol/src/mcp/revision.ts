/** Which revision a message speaks. */
import type { Headers } from './headers.ts'
import { PROTOCOL_VERSION_HEADER, singleHeader } from './headers.ts'
import type { McpMessage } from './message.ts'
import * as legacy from './rev-2025-11-25/index.ts'
import * as modern from './rev-2026-07-28/index.ts'

export type Revision = '2026-07-28' | '2025-11-25'

export const REVISIONS: readonly Revision[] = ['2026-07-28', '2025-11-25']

/** A version in `_meta` or a version in the header that is not of the elder kind makes a message modern. */
const claimsModern = (message: McpMessage): boolean => {
  if (message.kind === 'response') return false
  const { _meta: meta } = message.params
  return (
    typeof meta === 'object' &&
    meta !== null &&
    !Array.isArray(meta) &&
    Object.hasOwn(meta, modern.META.protocolVersion)
  )
}

const isElder = (version: string): boolean => legacy.SUPPORTED_VERSIONS.some((known) => known === version)

/**
 * The header and the body must not disagree about the era: a message that is modern in either is judged by the modern
 * rules, which are the stricter ones. A version that nobody knows is answered with those that are known.
 */
export const revisionOf = (message: McpMessage, headers: Headers): Revision => {
  const header = singleHeader(headers, PROTOCOL_VERSION_HEADER)
  if (claimsModern(message) || header === null || header === modern.VERSION) {
    const requested = typeof header === 'string' ? header : modern.VERSION
    if (requested !== modern.VERSION && !isElder(requested)) throw unknownVersion(message, requested)
    return '2026-07-28'
  }
  if (header !== undefined && !isElder(header)) throw unknownVersion(message, header)
  return '2025-11-25'
}

const unknownVersion = (message: McpMessage, requested: string) =>
  modern.unsupportedVersion(
    requested,
    [modern.VERSION, ...legacy.SUPPORTED_VERSIONS],
    'id' in message ? message.id : undefined,
  )
