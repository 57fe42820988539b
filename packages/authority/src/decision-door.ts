/** The decision point behind its door: tokens as at `/v1`, and enforcement points with client certificates. */
import { refused } from '@credence/kit'
import { type GuardedDeps, guardedRoutes } from './admin/guarded.ts'
import type { Base } from './base.ts'
import type { AuthorityConfig } from './config.ts'
import { blockedKeys } from './decisions/blocked-keys.ts'
import { certificateAuthenticator } from './decisions/certificate-authenticator.ts'
import { certificateReader, tlsForCallers } from './decisions/certificates.ts'
import { createDecisions, type Decisions } from './decisions/index.ts'

/** The door of `/v1`, which at these endpoints knows client certificates too. */
const doorForCallers = ({ config, core, directory, follower, deps }: Base, guard: GuardedDeps): GuardedDeps => {
  const { decisionCallers: callers = [], trustedProxies, tls } = config
  if (callers.length === 0) return guard
  if (tls === undefined)
    throw refused(
      'config_invalid',
      'decisionCallers need TLS at this listener (tlsCert and tlsKey): a proxy in front takes the client certificate away.',
      { status: 400 },
    )
  const { domain, clock } = core
  const authenticator = certificateAuthenticator(guard.authenticator, {
    callers,
    directory,
    domain,
    clock,
    feed: follower,
    blocked: blockedKeys(core),
    log: deps.log,
  })
  return { ...guard, authenticator, certificateOf: certificateReader(trustedProxies) }
}

export const openDecisions = (base: Base, guard: GuardedDeps): Promise<Decisions> => {
  const { config, deps, core, secrets } = base
  const door = doorForCallers(base, guard)
  const parts = {
    ...base,
    issuer: config.issuer,
    tenants: config.tenants ?? [],
    sealer: secrets.sealer,
    clock: core.clock,
    onError: (error: unknown) => deps.log.error('decision_failed', { detail: String(error) }),
  }
  return createDecisions(parts, (endpoints) => guardedRoutes(endpoints, door))
}

/** What the listener asks of clients that show a certificate. */
export const askedOf = ({ decisionCallers = [] }: AuthorityConfig) =>
  decisionCallers.length === 0 ? {} : tlsForCallers(decisionCallers)
