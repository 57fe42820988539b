/**
 * Decision points beside the domain's own: each has policies, a schema and entities of its own, from a folder, and
 * shares nothing with the domain: no policy, no entity, no grant. For trying out, for certifying, and for services that
 * want a decision point and nothing else.
 */
import { type Clock, refused } from '@credence/kit'
import type { JsonValue } from '@credence/kit/json'
import {
  type AuthZenOptions,
  applicableActions,
  compilePolicySet,
  decideAuthZen,
  knownEntities,
  type PolicySource,
  type RegistryView,
} from '@credence/policy'
import { type AddressRate, createAddressRate } from './address-rate.ts'
import type { DecisionPoint } from './point.ts'

export interface TenantConfig {
  /** Part of its URL: `<issuer>/<name>`. */
  readonly name: string
  readonly source: PolicySource
  /** Cedar's JSON form. */
  readonly entities: JsonValue
  /** INVARIANT: only if this is true does it answer whoever asks, without a token. */
  readonly open: boolean
  /** Requests a second that one address may make without a token; 16 questions of one are another. Absent: as many as it likes. */
  readonly perSecond?: number
}

export interface Tenant {
  readonly name: string
  readonly open: boolean
  /** Throws for an address that asks too often, or for too much. */
  readonly rate: AddressRate
  readonly point: DecisionPoint
}

export interface TenantsDeps {
  readonly issuer: string
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const SCAN = 5000

const UNLIMITED: AddressRate = { admit: () => undefined, spend: () => undefined }

/** A tenant knows nobody of ours. */
const NOBODY: RegistryView = { agent: () => undefined, server: () => undefined, tool: () => undefined }

const tenantPoint = async (config: TenantConfig, { issuer, clock }: TenantsDeps): Promise<DecisionPoint> => {
  // NOTE: without a schema of its own nothing would be validated.
  const alone = config.source.schema !== undefined
  const snapshot = await compilePolicySet({ ...config.source, ...(alone ? { alone } : {}) })
  const [left] = snapshot.inEngine
  // INVARIANT: what answers questions to a tenant answers no others: the worker of cedar-wasm is the domain's.
  if (left !== undefined)
    throw refused(
      'tenant_policy',
      `Tenant "${config.name}": the policy "${left.policy}" cannot be used: ${left.reason}.`,
    )
  const entities = knownEntities(config.entities, { alone })
  const identifier = `${issuer}/${config.name}`
  const options: AuthZenOptions = { snapshot, entities, registry: NOBODY, foreign: true, clock, issuer: identifier }
  const idsOf = (type: string) => (entities.ofType(type) ?? []).map(({ uid }) => uid.id)
  return {
    identifier,
    scan: SCAN,
    pin: () => ({
      evaluate: (request) => decideAuthZen(request, options),
      candidates: async ({ kind, type = '', asked }) =>
        kind === 'action' ? applicableActions(snapshot, asked.subject.type, asked.resource.type) : idsOf(type),
      permits: (request) => decideAuthZen(request, options),
    }),
  }
}

/** Throws `refused` when a folder is not valid: a server does not start with a tenant that would answer wrongly. */
export const openTenants = async (
  configs: readonly TenantConfig[],
  deps: TenantsDeps,
): Promise<ReadonlyMap<string, Tenant>> => {
  const tenants = new Map<string, Tenant>()
  for (const config of configs) {
    if (!NAME.test(config.name)) throw refused('tenant_name', `"${config.name}" cannot be the name of a tenant.`)
    if (tenants.has(config.name)) throw refused('tenant_name', `Two tenants are named "${config.name}".`)
    const point = await tenantPoint(config, deps)
    const { name, open, perSecond } = config
    const rate = perSecond === undefined ? UNLIMITED : createAddressRate({ clock: deps.clock, perSecond })
    tenants.set(name, { name, open, rate, point })
  }
  return tenants
}
