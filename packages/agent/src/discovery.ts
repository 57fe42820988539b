/**
 * From the address of an MCP server to the authorization server that it trusts (MCP 2026-07-28, authorization server
 * discovery; RFC 9728, RFC 8414). Everything read here was written by somebody else.
 */
import { CredenceError, refused } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { parseStrict } from '@credence/kit/json'
import { metadataUrls, parseServerMetadata, type ServerMetadata } from '@credence/protocol/oauth'
import {
  parseResourceMetadata,
  type ResourceMetadata,
  resourceMetadataUrls,
} from '@credence/protocol/resource-metadata'
import { serverWords } from './server-words.ts'

export interface Discovered {
  /** The resource identifier to ask a token for. */
  readonly resource: string
  readonly metadata: ResourceMetadata
  readonly server: ServerMetadata & { readonly token_endpoint: string }
}

const JSON_TYPES = ['application/json']

/** The document, or undefined when there is none at this address. */
const document = async (fetch: SafeFetch, url: string): Promise<unknown> => {
  const answer = await fetch(url, { headers: { accept: 'application/json' }, contentTypes: JSON_TYPES })
  return answer.status === 200 ? parseStrict(answer.bytes) : undefined
}

/** The first of the addresses that has a document; the last error when none has. */
const first = async (fetch: SafeFetch, urls: readonly string[]): Promise<unknown> => {
  let last: unknown
  for (const url of urls) {
    try {
      const found = await document(fetch, url)
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
  }
  if (last instanceof CredenceError) throw last
  throw refused('discovery_failed', `Nothing was found at ${serverWords(urls.join(', '))}.`)
}

/**
 * RFC 9728 section 3.3: the metadata must be about the server that was called. Same origin, and the same path or one
 * above it, so that a server cannot have tokens made for somebody else's resource.
 */
export const isResourceOf = (resource: string, serverUrl: string): boolean => {
  if (!URL.canParse(resource)) return false
  const named = new URL(resource)
  const called = new URL(serverUrl)
  if (named.hash !== '' || named.search !== '' || named.username !== '' || named.password !== '') return false
  return isBeneath(named, called)
}

/** The same path or one below it, of the same origin. */
export const isBeneath = (base: URL, url: URL): boolean => {
  const prefix = base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`
  return url.origin === base.origin && (url.pathname === base.pathname || url.pathname.startsWith(prefix))
}

/** Header first, else the path form, else the root (2026-07-28, protected resource metadata discovery). */
export const discoverResource = async (
  fetch: SafeFetch,
  serverUrl: string,
  hinted?: string,
): Promise<ResourceMetadata> => {
  const urls = hinted === undefined ? resourceMetadataUrls(serverUrl) : [hinted]
  const found = (await first(fetch, urls)) as { readonly resource?: unknown }
  const named = typeof found.resource === 'string' ? found.resource : ''
  if (!isResourceOf(named, serverUrl)) {
    throw refused('resource_mismatch', `The server describes itself as another resource: ${serverWords(named)}.`)
  }
  return parseResourceMetadata(found, named)
}

/** > MCP clients MUST reject metadata whose issuer differs from the one used to build the URL. */
export const discoverServer = async (fetch: SafeFetch, issuer: string): Promise<Discovered['server']> => {
  if (/[?#]/.test(issuer)) throw refused('issuer_refused', 'An issuer has neither query nor fragment.')
  const metadata = parseServerMetadata(await first(fetch, metadataUrls(issuer)), issuer)
  if (metadata.token_endpoint === undefined)
    throw refused('server_metadata_refused', 'The authorization server has no token endpoint.')
  return { ...metadata, token_endpoint: metadata.token_endpoint }
}

/** `trusted`: the only issuers that may be used, when the agent's author named any. */
export const discover = async (
  fetch: SafeFetch,
  serverUrl: string,
  hinted: string | undefined,
  trusted: readonly string[],
): Promise<Discovered> => {
  const metadata = await discoverResource(fetch, serverUrl, hinted)
  const offered = metadata.authorization_servers ?? []
  const issuer = trusted.length === 0 ? offered[0] : offered.find((candidate) => trusted.includes(candidate))
  if (issuer === undefined) {
    throw refused(
      'issuer_untrusted',
      `The server names no authorization server that this agent trusts (it names ${serverWords(offered.join(', ')) || 'none'}).`,
    )
  }
  return { resource: metadata.resource, metadata, server: await discoverServer(fetch, issuer) }
}
