/** COAZ-MCP draft 1, Information Model: `params` of the message, and the claims of the validated token. */
import type { JsonObject, JsonValue } from '@credence/kit/json'

/** What the binding takes from the verified token; never from the message. `aud` is this server's own identifier. */
export interface CoazToken {
  readonly sub: string
  readonly aud: string
  readonly client_id?: string
  readonly [claim: string]: JsonValue | undefined
}

export const VARIABLES: readonly string[] = ['params', 'token']

/** Claims that are not there are not there: an expression must not find them undefined. */
export const claimsOf = (token: CoazToken): JsonObject =>
  Object.fromEntries(Object.entries(token).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined))
