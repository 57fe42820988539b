/** One endpoint of `/v1` as plain data: what it takes, what it answers, and which operation on the authority it is. */

import type { Release } from '@credence/guard'
import { refused } from '@credence/kit'
import type { RouteDescription } from '@credence/kit/http'
import type { JsonValue } from '@credence/kit/json'
import type { z } from 'zod'
import { REVOKE_SCOPE } from '../registry/agents.ts'

export interface Asked<Body> {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly body: Body
  readonly signal: AbortSignal
}

export interface Endpoint<Body = unknown> extends RouteDescription {
  readonly summary: string
  /** Scope that the token must carry; where the act `reduces`, `revoke` will do. */
  readonly access: 'admin' | 'node' | 'decide'
  /** `agent.add`, `grant.revoke`, ...: the method of the operation, which policy and record speak of. */
  readonly operation: string
  readonly body?: z.ZodType<Body>
  /** The standard's own error for a body that is wrong at this path, where a standard speaks of it. */
  readonly bodyError?: (path: readonly PropertyKey[]) => string
  readonly query?: z.ZodType<Readonly<Record<string, string>>>
  readonly answer?: z.ZodType
  readonly status?: number
  /** Only takes authority away: goes through while the ledger cannot be written. */
  readonly reduces?: boolean
  /** What it is applied to. */
  readonly target?: (asked: Asked<Body>) => string
  /** Small public facts for the record. */
  readonly facts?: (asked: Asked<Body>) => {
    readonly [key: string]: string | number | boolean | null | readonly string[]
  }
  readonly act: (asked: Asked<Body>, release: Release) => Promise<unknown>
}

/** INVARIANT: a token with the scope `revoke` and no other comes through at the endpoints that reduce, and only there. */
export const scopesOf = ({ access, reduces }: Pick<Endpoint<never>, 'access' | 'reduces'>): readonly string[] =>
  reduces === true ? [access, REVOKE_SCOPE] : [access]

/** Keeps the type of the body while the list holds endpoints of every kind. */
export const endpoint = <Body>(one: Endpoint<Body>): Endpoint<never> => one as unknown as Endpoint<never>

export const readBody = <Body>(
  schema: z.ZodType<Body> | undefined,
  value: JsonValue | undefined,
  standard?: Endpoint['bodyError'],
): Body => {
  if (schema === undefined) return undefined as Body
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`
  throw refused('body_invalid', `The request${where} is not as it should be: ${issue?.message ?? 'invalid'}.`, {
    status: 400,
    ...(standard === undefined ? {} : { standard: standard(issue?.path ?? []) }),
  })
}
