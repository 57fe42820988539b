/** What an authority needs to be told. Everything here was read and validated by the composition root. */
import type { CertificateCaller } from './decisions/certificates.ts'
import type { TenantConfig } from './decisions/tenants.ts'
import type { UpstreamProvider } from './people/index.ts'
import type { WitnessesConfig } from './witnessing/index.ts'

export type DatabaseConfig =
  | { readonly engine: 'sqlite' }
  | { readonly engine: 'postgres'; readonly url: string; readonly schema?: string }

export interface AuthorityConfig {
  /** The one issuer URL, fixed for the life of the domain; never derived from `Host`. No trailing slash. */
  readonly issuer: string
  readonly listen: { readonly host: string; readonly port: number }
  /** 0700. Holds the database, the ledger and the files that must be 0600. */
  readonly dataDir: string
  /** SPIFFE trust domain of the agents. */
  readonly trustDomain: string
  readonly database: DatabaseConfig
  /** Public URL of the gateway: resource identifiers are `<gatewayUrl>/mcp/<name>`. */
  readonly gatewayUrl: string
  /** Seconds by which somebody else's clock may be ahead of ours. */
  readonly clockSkewSeconds: number
  /** 32 bytes in base64url; without it a file `kek` (0600) in the data directory is made at first start. */
  readonly keyEncryptionKey?: string
  readonly cimd: { readonly enabled: boolean; readonly privateHosts: readonly string[] }
  /** RFC 7591; off unless switched on, and then it needs an initial access token of the operator. */
  readonly dynamicRegistration: boolean
  /** Decision points beside the domain's own, at `<issuer>/<name>`. Absent: none. */
  readonly tenants?: readonly TenantConfig[]
  /** Enforcement points that ask the decision point with a client certificate. Needs `tls`. Absent: none. */
  readonly decisionCallers?: readonly CertificateCaller[]
  /** OpenID providers through which people may sign in. */
  readonly upstreams: readonly UpstreamProvider[]
  /** `required`: a DPoP proof at the token endpoint must carry a nonce of ours. */
  readonly dpopNonce: 'required' | 'offered'
  readonly tls?: { readonly cert: string; readonly key: string }
  /** One decision of so many is asked again of cedar-wasm, off the path; 0 or absent: none. */
  readonly shadowCheck?: number
  /** Who is asked to cosign the checkpoints of the ledger. Absent: nobody. */
  readonly witnesses?: WitnessesConfig
  /** Addresses of reverse proxies whose forwarding headers are believed for the client's address. */
  readonly trustedProxies: readonly string[]
}

export const TOKEN_SECONDS = 300
/** A bearer token that the owner of a resource allowed for one named client. */
export const BEARER_TOKEN_SECONDS = 120
export const REFRESH_DAYS = 30

/** The domain's own interface as a resource (RFC 8707). */
export const adminResource = (issuer: string): string => `${issuer}/v1`
export const serverResource = (gatewayUrl: string, name: string): string => `${gatewayUrl}/mcp/${name}`
