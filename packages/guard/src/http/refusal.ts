/** A refusal as an HTTP answer: RFC 6750, RFC 9449 and RFC 9728 in the header, RFC 9457 in the body. */
import { type CredenceError, toCredenceError } from '@credence/kit'
import { createChallenge, resourceMetadataUrl } from '@credence/protocol/resource-metadata'
import { defined } from '../defined.ts'
import { refusalFacts } from '../refusal.ts'

export interface HttpRefusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface RefusalContext {
  readonly resource: string
  /** What a client without a token should ask for. */
  readonly scope?: readonly string[]
}

/** Problem details type: no page of ours stands behind it, the `code` is what programs read. */
const PROBLEM = 'application/problem+json'

export const httpRefusal = (thrown: unknown, context: RefusalContext): HttpRefusal => {
  const error = toCredenceError(thrown)
  const challenge = challengeOf(error, context)
  return {
    status: error.status,
    headers: {
      'Content-Type': PROBLEM,
      'Cache-Control': 'no-store',
      ...error.headers,
      ...(challenge === undefined ? {} : { 'WWW-Authenticate': challenge }),
    },
    body: JSON.stringify(problemOf(error)),
  }
}

/** INVARIANT: only the public message and ids leave; `detail` and `cause` stay here. */
const problemOf = (error: CredenceError): Record<string, unknown> => {
  const { operation, decision } = refusalFacts(error)
  return {
    title: error.message,
    status: error.status,
    code: error.code,
    ...defined({ error: error.standard, op: operation?.op, decision: decision?.id }),
  }
}

/**
 * RFC 9728 section 5.1: every challenge points to the metadata. Two schemes are offered: Bearer first, since clients
 * that know no other read only the first; DPoP as what is wanted.
 */
const challengeOf = (error: CredenceError, context: RefusalContext): string | undefined => {
  const { standard, status } = error
  if (status !== 401 && standard !== 'insufficient_scope') return undefined
  const named = refusalFacts(error).scope
  const scope = named === undefined || named.length === 0 ? context.scope : named
  const common = { resourceMetadata: resourceMetadataUrl(context.resource), ...defined({ scope }) }
  const told = standard === undefined ? {} : { error: standard, errorDescription: error.message }
  const aboutProof = standard === 'use_dpop_nonce' || standard === 'invalid_dpop_proof'
  return [
    createChallenge({ scheme: 'Bearer', ...common, ...(aboutProof ? {} : told) }),
    createChallenge({ scheme: 'DPoP', ...common, ...told, algs: ['ES256'] }),
  ].join(', ')
}
