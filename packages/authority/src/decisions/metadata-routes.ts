/** > a URL formed by inserting a well-known URI string between the host component and the path component */
import { bindRoutes, type Handler, type Route, replyJson } from '@credence/kit/http'
import { metadataUrl, type PdpMetadata, WELL_KNOWN } from '@credence/protocol/authzen'
import { type Tenants, tenantOf } from './tenant-routes.ts'

const PUBLIC = { method: 'GET', access: 'public', consequential: false } as const

const TABLE = [
  { ...PUBLIC, path: '/.well-known/authzen-configuration', name: 'metadata.authzen' },
  { ...PUBLIC, path: '/.well-known/authzen-configuration/:tenant', name: 'metadata.authzen.tenant' },
] as const

const CACHED = { 'cache-control': 'public, max-age=300' }

/** An issuer with a path of its own has its metadata behind that path, and its tenants' behind theirs. */
const behindPath = (issuer: string, routes: readonly Route[]): Route[] => {
  const inserted = new URL(metadataUrl(issuer)).pathname
  if (inserted === WELL_KNOWN) return [...routes]
  return routes.map((route) => ({ ...route, path: route.path.replace(WELL_KNOWN, inserted) }))
}

export const metadataRoutes = (
  issuer: string,
  metadata: (identifier: string) => PdpMetadata,
  tenants: Tenants,
): Route[] => {
  const own: Handler = () => replyJson(metadata(issuer), { headers: CACHED })
  const ofTenant: Handler = ({ params }) =>
    replyJson(metadata(tenantOf(tenants, params).point.identifier), { headers: CACHED })
  return behindPath(issuer, bindRoutes(TABLE, { 'metadata.authzen': own, 'metadata.authzen.tenant': ofTenant }))
}
