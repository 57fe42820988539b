export { type BackupSource, backup, type RestoreDeps, type Restored, restore } from './backup/backup.ts'
export type { AuthorityDeps } from './base.ts'
export { type AuthorityConfig, adminResource, type DatabaseConfig, serverResource } from './config.ts'
export type { CertificateCaller } from './decisions/certificates.ts'
export { createMappedDecider, type MappedDeciderOptions } from './decisions/mapped-decider.ts'
export { EXAMPLE_FOLDER, loadTenant, type TenantFolder } from './decisions/tenant-folder.ts'
export type { TenantConfig } from './decisions/tenants.ts'
export { whenFresh } from './decisions/when-fresh.ts'
export type { Domain } from './domain/domain.ts'
export { type OperatorFile, operatorKey, operatorPath, readOperator } from './domain/first-start.ts'
export { exportLedger } from './ledger/export.ts'
export { migrations } from './migrations.ts'
export { openShadow } from './policies/shadow.ts'
export type {
  Clients,
  ClientView,
  Codes,
  Grants,
  NewGrant,
  PublicJwk,
  RedeemableCode,
  Resources,
  ResourceTool,
  ResourceView,
} from './ports.ts'
export type { BearerException, Registry, Server } from './registry/registry.ts'
export { type Authority, type Embedded, startAuthority } from './server.ts'
export { databaseFile, ledgerDir } from './storage.ts'
