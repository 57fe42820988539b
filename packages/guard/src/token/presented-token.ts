/** What a door hands to the token authenticator, and the syntax of it (RFC 9110 section 11.6.2, RFC 6750 section 2). */
import { refused } from '@credence/kit'
import { parseAuthorization } from '@credence/protocol/resource-metadata'

export interface PresentedToken {
  readonly method: string
  /** The URL that the client called, built from configuration and the path, never from `Host`. May carry a query. */
  readonly url: string
  /** The resource identifier that is called: the only audience that is accepted. */
  readonly resource: string
  /** Every `Authorization` field as it was sent, not joined. */
  readonly authorization: readonly string[]
  /** Every `DPoP` field as it was sent, not joined. */
  readonly dpop: readonly string[]
}

export type Credentials = NonNullable<ReturnType<typeof parseAuthorization>>

const malformed = (message: string) =>
  refused('request_malformed', message, { status: 400, standard: 'invalid_request' })

/** RFC 6750 section 3: a request without any authentication gets a challenge without an error code. */
const missing = () => refused('token_missing', 'An access token is needed.', { status: 401 })

/** > MUST NOT use more than one method to transmit the token (RFC 6750 section 2); the query is none of ours. */
const onlyInTheHeader = (url: string): void => {
  const query = url.indexOf('?')
  if (query < 0) return
  if (new URLSearchParams(url.slice(query)).has('access_token'))
    throw malformed('A token in the query string is not accepted.')
}

export const readCredentials = ({ authorization, url }: PresentedToken): Credentials => {
  onlyInTheHeader(url)
  if (authorization.length === 0) throw missing()
  if (authorization.length > 1) throw malformed('There must be one Authorization field.')
  const credentials = parseAuthorization(authorization[0])
  if (credentials !== undefined) return credentials
  if (/^(?!bearer\b|dpop\b)[!#$%&'*+.^_`|~0-9a-z-]+( |$)/i.test(authorization[0] ?? '')) throw missing()
  throw malformed('The Authorization field cannot be read.')
}

/** RFC 9449 section 4.3: > There is not more than one DPoP HTTP request header field. Joined ones show by the comma. */
export const singleProof = ({ dpop }: PresentedToken): string | undefined => {
  if (dpop.length > 1 || dpop[0]?.includes(',') === true)
    throw refused('dpop_proof_repeated', 'There must be one DPoP field.', { status: 400, standard: 'invalid_request' })
  return dpop[0]
}

export const withoutQuery = (url: string): string => {
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}
