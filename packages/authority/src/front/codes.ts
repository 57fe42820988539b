/** The codes that the library issued, for the token endpoint to redeem. */
import type { Database } from '@credence/db'
import type { Clock } from '@credence/kit'
import { AuthorizationDetails, type DomainId, type GrantId, type SessionId } from '@credence/model'
import { z } from 'zod'
import type { Codes, RedeemableCode } from '../ports.ts'
import { consumeDocument, type DocumentKey, findDocument, type StoredDocument } from './documents.ts'

export interface CodesDeps {
  readonly issuer: string
  readonly domain: DomainId
  readonly db: Database
  readonly clock: Pick<Clock, 'now'>
}

const CodePayload = z.object({
  clientId: z.string(),
  accountId: z.string(),
  grantId: z.string().startsWith('grt_'),
  sessionUid: z.string().startsWith('ses_'),
  resource: z.string(),
  scope: z.string().optional(),
  rar: AuthorizationDetails,
  redirectUri: z.string(),
  codeChallenge: z.string(),
  codeChallengeMethod: z.literal('S256'),
  dpopJkt: z.string().optional(),
  nonce: z.string().optional(),
  authTime: z.number().optional(),
})

const redeemable = (issuer: string, stored: StoredDocument): RedeemableCode => {
  const code = CodePayload.parse(stored.payload)
  return {
    clientId: code.clientId,
    grantId: code.grantId as GrantId,
    subject: { iss: issuer, sub: code.accountId },
    resource: code.resource,
    scope: (code.scope ?? '').split(' ').filter((scope) => scope !== ''),
    authorizationDetails: code.rar,
    redirectUri: code.redirectUri,
    codeChallenge: code.codeChallenge,
    codeChallengeMethod: code.codeChallengeMethod,
    ...(code.dpopJkt === undefined ? {} : { dpopJkt: code.dpopJkt }),
    session: code.sessionUid as SessionId,
    ...(code.nonce === undefined ? {} : { nonce: code.nonce }),
    ...(code.authTime === undefined ? {} : { authTime: code.authTime }),
    expiresAt: stored.expiresAt,
    consumed: stored.consumedAt !== undefined,
  }
}

const WELL_FORMED = /^[A-Za-z0-9_-]{20,128}$/

export const createCodes = (deps: CodesDeps): Codes => {
  const key = (code: string): DocumentKey => ({ domain: deps.domain, model: 'AuthorizationCode', handle: code })
  return {
    find: async (code) => {
      if (!WELL_FORMED.test(code)) return undefined
      const stored = await findDocument(deps.db, key(code))
      return stored === undefined ? undefined : redeemable(deps.issuer, stored)
    },
    consumeStatement: (code) => consumeDocument(key(code), deps.clock.now(), 'code_consumed'),
  }
}
