/** MCP revision 2026-07-28: stateless; every request says version and capabilities in `_meta` and mirrors itself in headers. */
export { checkRequestHeaders, requestHeaders } from './header-rules.ts'
export { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'
export { createRequestMeta, META, type RequestMeta, requestMeta, unsupportedVersion } from './meta.ts'
export { CACHEABLE, CLIENT_NOTIFICATIONS, METHODS, VERSION } from './methods.ts'
export { type ParamHeader, paramHeaders } from './param-headers.ts'
export { type DiscoverFacts, discoverResult, privateResult } from './results.ts'
