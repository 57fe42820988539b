/** The authority without a gateway: one node of several, or the only one while gateways run elsewhere. */
import type { Authority } from '@credence/authority'
import type { Logger } from '@credence/kit/telemetry'
import { verifierKeyFile, writePublic } from '../private-files.ts'
import type { Settings } from '../settings.ts'
import { hostLog, requireHttps } from './host.ts'
import { openAuthority } from './up.ts'

export interface AuthorityAlone {
  readonly authority: Authority
  close(): Promise<void>
}

export const startAuthorityAlone = async (
  settings: Settings,
  log: Logger = hostLog(settings),
): Promise<AuthorityAlone> => {
  requireHttps(settings.issuer, 'issuer')
  requireHttps(settings.gatewayUrl, 'gatewayUrl')
  const { authority, fetch } = await openAuthority(settings, log)
  writePublic(verifierKeyFile(settings.dataDir), `${authority.embedded.ledger.verifierKey}\n`)
  return {
    authority,
    close: async () => {
      await authority.close()
      await fetch.close()
    },
  }
}
