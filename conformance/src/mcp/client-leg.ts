/** The client scenarios against our agent SDK: the tool plays an authorization server and an MCP server that test it. */
import { fileURLToPath } from 'node:url'
import type { Check } from '../suite.ts'
import { checksOf, inTurn, runTool } from './tool.ts'

const CLIENT = `${process.execPath} ${fileURLToPath(new URL('client.ts', import.meta.url))}`

const BOTH = [
  'auth/metadata-default',
  'auth/metadata-var1',
  'auth/metadata-var2',
  'auth/metadata-var3',
  'auth/basic-cimd',
  'auth/scope-from-www-authenticate',
  'auth/scope-from-scopes-supported',
  'auth/scope-omitted-when-undefined',
  'auth/scope-step-up',
  'auth/scope-retry-limit',
  'auth/token-endpoint-auth-basic',
  'auth/token-endpoint-auth-post',
  'auth/token-endpoint-auth-none',
  'auth/pre-registration',
]
const MODERN = [
  'auth/resource-mismatch',
  'auth/offline-access-scope',
  'auth/offline-access-not-supported',
  'auth/authorization-server-migration',
  'auth/iss-supported',
  'auth/iss-not-advertised',
  'auth/iss-supported-missing',
  'auth/iss-wrong-issuer',
  'auth/iss-unexpected',
  'auth/iss-normalized',
  'auth/metadata-issuer-mismatch',
]
/** Extensions are on no revision's list; the tool runs them in the newest that it calls released. */
const EXTENSIONS = [
  'auth/client-credentials-jwt',
  'auth/client-credentials-basic',
  'auth/enterprise-managed-authorization',
  'auth/dpop',
  'auth/dpop-nonce',
  'auth/wif-jwt-bearer',
]

interface Run {
  readonly scenario: string
  readonly revision?: string
}

/** What bites first when the agent forgets a check. */
const QUICK: readonly Run[] = [
  { scenario: 'auth/metadata-default', revision: '2025-11-25' },
  { scenario: 'auth/iss-wrong-issuer', revision: '2026-07-28' },
  { scenario: 'auth/resource-mismatch', revision: '2026-07-28' },
  { scenario: 'auth/dpop-nonce' },
]

const ALL: readonly Run[] = [
  ...BOTH.map((scenario) => ({ scenario, revision: '2025-11-25' })),
  ...[...BOTH, ...MODERN].map((scenario) => ({ scenario, revision: '2026-07-28' })),
  ...EXTENSIONS.map((scenario) => ({ scenario })),
]

export const clientLeg = async (
  report: (check: Check) => void,
  { quick }: { readonly quick: boolean },
): Promise<void> =>
  await inTurn(quick ? QUICK : ALL, async ({ scenario, revision }) => {
    const version = revision === undefined ? [] : ['--spec-version', revision]
    const ran = await runTool(['client', '--command', CLIENT, '--scenario', scenario, '--timeout', '30000', ...version])
    for (const check of checksOf(`client/${revision ?? 'extension'}/${scenario}`, ran)) report(check)
  })
