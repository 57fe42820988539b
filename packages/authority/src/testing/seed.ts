/** Codes and grants as the front leaves them, without a browser. */

import { newId, toBase64url } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { insertDocument } from '../front/documents.ts'
import { grantStatements } from '../grants/grants.ts'
import { asOperator, newAgentKey, s256, type TestAgent, type World } from './world.ts'

export const FILES = 'http://127.0.0.1:7421/mcp/files'
export const REDIRECT = 'http://127.0.0.1:9999/callback'

export const addAgent = async (world: World): Promise<TestAgent> => {
  const operator = await asOperator(world)
  const { key, jwk, jkt } = newAgentKey()
  const added = await operator.call('POST', '/v1/agents', { name: 'helper', keys: [jwk], redirectUris: [REDIRECT] })
  if (added.status !== 201) throw new Error(JSON.stringify(added.body))
  return { clientId: String(added.body.id), key, jkt }
}

export const addFiles = async (world: World): Promise<void> => {
  const operator = await asOperator(world)
  const added = await operator.call('POST', '/v1/servers', { name: 'files', kind: 'stdio' })
  if (added.status !== 201) throw new Error(JSON.stringify(added.body))
}

export interface SeededCode {
  readonly code: string
  readonly verifier: string
  readonly grantId: string
  readonly form: Readonly<Record<string, string>>
}

export const seedCode = async (
  world: World,
  clientId: string,
  more: {
    readonly dpopJkt?: string
    readonly expiresIn?: number
    readonly scope?: string
    /** Without details: another resource than the files. */
    readonly resource?: string
  } = {},
): Promise<SeededCode> => {
  const { db, domain } = world.authority.embedded
  const resource = more.resource ?? FILES
  const tools = ['read_file', 'write_file']
  const details = resource === FILES ? [{ type: 'mcp_tools' as const, locations: [FILES] as [string], tools }] : []
  const person = newId('usr', nodeRandom)
  const grant = grantStatements(
    { domain, clock: { now: Date.now, monotonic: () => performance.now() }, random: nodeRandom },
    {
      subject: { iss: world.config.issuer, sub: person },
      clientId,
      agent: clientId as never,
      resource,
      scope: ['files'],
      authorizationDetails: details,
      expiresAt: Date.now() + 86_400_000,
      evidence: 'test',
    },
  )
  const code = toBase64url(nodeRandom.bytes(32))
  const verifier = toBase64url(nodeRandom.bytes(32))
  const payload = {
    clientId,
    accountId: person,
    grantId: grant.grantId,
    sessionUid: newId('ses', nodeRandom),
    resource,
    scope: more.scope ?? 'files',
    rar: details,
    redirectUri: REDIRECT,
    codeChallenge: s256(verifier),
    codeChallengeMethod: 'S256',
    ...(more.dpopJkt === undefined ? {} : { dpopJkt: more.dpopJkt }),
  }
  const key = { domain: domain.id, model: 'AuthorizationCode' as const, handle: code }
  await db.atomically([...grant.statements, insertDocument(key, payload, Date.now() + (more.expiresIn ?? 60_000))])
  return {
    code,
    verifier,
    grantId: grant.grantId,
    form: { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT },
  }
}

export const claimsOf = (token: unknown): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString('utf8'))
