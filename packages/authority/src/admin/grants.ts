/** `/v1/grants` and `/v1/revocations`. */
import { isId } from '@credence/kit'
import type { GrantId } from '@credence/model'
import { z } from 'zod'
import { knownGrant, listGrants } from '../grants/grants.ts'
import { type Revocable, revocableName } from '../revocation/revoke.ts'
import type { AdminDeps } from './deps.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { type Loss, mustLeaveAnOperator } from './last-operator.ts'

const Reason = z.string().trim().min(1).max(500).optional()
const Id = z.string().min(1).max(512)

const RevocationBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('token'), id: Id, reason: Reason }),
  z.strictObject({ kind: z.literal('grant'), id: Id, reason: Reason }),
  z.strictObject({ kind: z.literal('agent'), id: Id, reason: Reason }),
  z.strictObject({ kind: z.literal('owner'), id: Id, reason: Reason }),
  z.strictObject({ kind: z.literal('session'), id: Id, reason: Reason }),
  z.strictObject({ kind: z.literal('key'), id: Id, reason: Reason }),
  z.strictObject({ kind: z.literal('subject'), id: Id, issuer: Id.optional(), reason: Reason }),
])
type RevocationBody = z.infer<typeof RevocationBody>

const OPERATION = 'authority.revoke'

const revocable = (body: RevocationBody, issuer: string): Revocable => {
  if (body.kind === 'subject') return { kind: 'subject', party: { iss: body.issuer ?? issuer, sub: body.id } }
  if (body.kind === 'key') return { kind: 'key', jkt: body.id }
  return { kind: body.kind, id: body.id }
}

/** Agents whose status may have changed with it. */
const refresh = async (what: Revocable, deps: AdminDeps): Promise<void> => {
  if (what.kind === 'agent') await deps.directory.refresh(what.id)
  if (what.kind === 'owner') await deps.directory.load()
}

const lossOf = (what: Revocable): Loss => {
  if (what.kind === 'key') return { key: what.jkt }
  if (what.kind === 'agent') return { agent: what.id }
  return what.kind === 'owner' ? { owner: what.id } : {}
}

const revoke = async (what: Revocable, reason: string, debt: Parameters<AdminDeps['reduce']>[1], deps: AdminDeps) => {
  const at = deps.core.clock.now()
  await mustLeaveAnOperator(deps.core, lossOf(what))
  await deps.reduce(await deps.revocationOf(what, reason), debt)
  await refresh(what, deps)
  return { revoked: { kind: what.kind, id: revocableName(what) }, at }
}

const reading = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'GET',
    path: '/v1/grants',
    name: 'grant.list',
    access: 'admin',
    consequential: false,
    operation: 'grant.list',
    summary: 'List grants, newest first',
    query: z.strictObject({ subject: Id, client: Id }).partial() as never,
    act: async ({ query }) => ({
      grants: await listGrants(deps.core, {
        ...(query.subject === undefined ? {} : { subject: { iss: deps.core.domain.issuer, sub: query.subject } }),
        ...(query.client === undefined ? {} : { client: query.client }),
      }),
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/v1/grants/:id',
    name: 'grant.show',
    access: 'admin',
    consequential: false,
    operation: 'grant.show',
    summary: 'Show a grant',
    target: ({ params }) => params.id ?? '',
    act: ({ params }) => knownGrant(deps.core, params.id ?? ''),
  }),
]

const withdrawing = (deps: AdminDeps): readonly Endpoint<never>[] => [
  endpoint({
    method: 'POST',
    path: '/v1/grants/:id/revoke',
    name: 'grant.revoke',
    access: 'admin',
    consequential: true,
    operation: 'grant.revoke',
    summary: 'Revoke a grant with everything issued from it',
    reduces: true,
    target: ({ params }) => params.id ?? '',
    act: async ({ params }, release) => {
      const id = params.id ?? ''
      await knownGrant(deps.core, id)
      if (!isId('grt', id)) return undefined
      return revoke({ kind: 'grant', id: id as GrantId }, 'revoked by an administrator', release.debt, deps)
    },
  }),
  endpoint({
    method: 'POST',
    path: '/v1/revocations',
    name: 'authority.revoke',
    access: 'admin',
    consequential: true,
    operation: OPERATION,
    summary: 'Revoke a token, grant, agent, subject, owner, session or key',
    reduces: true,
    body: RevocationBody,
    target: ({ body }) => `${body.kind}:${body.id}`,
    facts: ({ body }) => ({ kind: body.kind, target: body.id }),
    act: ({ body }, release) =>
      revoke(
        revocable(body, deps.core.domain.issuer),
        body.reason ?? 'revoked by an administrator',
        release.debt,
        deps,
      ),
  }),
]

export const grantEndpoints = (deps: AdminDeps): readonly Endpoint<never>[] => [...reading(deps), ...withdrawing(deps)]
