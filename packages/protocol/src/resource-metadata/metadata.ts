/** RFC 9728: a protected resource's description of itself. */
import { refused } from '@credence/kit'
import { z } from 'zod'

const Url = z.string().max(2048).refine(URL.canParse, 'Not a URL')
const Names = z.array(z.string().max(256)).max(256)

export const ResourceMetadata = z.looseObject({
  resource: Url,
  authorization_servers: z.array(Url).max(32).optional(),
  scopes_supported: Names.optional(),
  bearer_methods_supported: Names.optional(),
  resource_name: z.string().max(256).optional(),
  dpop_signing_alg_values_supported: Names.optional(),
  dpop_bound_access_tokens_required: z.boolean().optional(),
  authorization_details_types_supported: Names.optional(),
})
export type ResourceMetadata = z.infer<typeof ResourceMetadata>

export interface ResourceMetadataFacts {
  readonly resource: string
  readonly authorizationServers: readonly string[]
  /** The least that is useful; `offline_access` never stands here (MCP 2026-07-28, authorization). */
  readonly scopes?: readonly string[]
  readonly name?: string
  /** False when the owner of the resource allowed bearer tokens for some client. */
  readonly dpopRequired: boolean
  readonly authorizationDetailsTypes?: readonly string[]
}

export const createResourceMetadata = (facts: ResourceMetadataFacts): ResourceMetadata => ({
  resource: facts.resource,
  authorization_servers: [...facts.authorizationServers],
  ...(facts.scopes === undefined
    ? {}
    : { scopes_supported: facts.scopes.filter((scope) => scope !== 'offline_access') }),
  bearer_methods_supported: ['header'],
  ...(facts.name === undefined ? {} : { resource_name: facts.name }),
  dpop_signing_alg_values_supported: ['ES256'],
  dpop_bound_access_tokens_required: facts.dpopRequired,
  ...(facts.authorizationDetailsTypes === undefined
    ? {}
    : { authorization_details_types_supported: [...facts.authorizationDetailsTypes] }),
})

/** RFC 9728 section 3.3: the resource in the document is identical to the one that was asked about. */
export const parseResourceMetadata = (value: unknown, resource: string): ResourceMetadata => {
  const parsed = ResourceMetadata.safeParse(value)
  if (!parsed.success) {
    throw refused('resource_metadata_refused', 'The metadata of the resource is malformed.', {
      detail: parsed.error.message,
    })
  }
  if (parsed.data.resource !== resource) {
    throw refused('resource_mismatch', 'The metadata describes another resource.')
  }
  return parsed.data
}

/** RFC 9728 section 3.1: the well-known part stands between host and path. */
export const resourceMetadataUrl = (resource: string): string => {
  const url = new URL(resource)
  const path = url.pathname === '/' ? '' : url.pathname
  return `${url.origin}/.well-known/oauth-protected-resource${path}${url.search}`
}

/** MCP 2026-07-28, authorization: where a client looks when no challenge named a place; path form first, then root. */
export const resourceMetadataUrls = (resource: string): readonly string[] => [
  ...new Set([resourceMetadataUrl(resource), `${new URL(resource).origin}/.well-known/oauth-protected-resource`]),
]
