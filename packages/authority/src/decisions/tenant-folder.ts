/** A tenant as a folder: policies and schema as for a domain, and `entities.json`. */
import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { refused } from '@credence/kit'
import { type JsonValue, parseStrict } from '@credence/kit/json'
import { loadPolicyFolder } from '@credence/policy'
import type { TenantConfig } from './tenants.ts'

export interface TenantFolder {
  readonly name: string
  readonly folder: string
  readonly open: boolean
  readonly perSecond?: number
}

/** The certification fixture. */
export const EXAMPLE_FOLDER: string = fileURLToPath(new URL('../../example-tenant', import.meta.url))

const ENTITIES = 'entities.json'
const MAX_BYTES = 16_777_216

const readEntities = async (folder: string): Promise<JsonValue> => {
  const path = join(folder, ENTITIES)
  try {
    return parseStrict(await fs.readFile(path), { maxBytes: MAX_BYTES, maxKeys: 1_000_000 })
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'ENOENT'
    if (missing) return []
    throw refused('entities_invalid', `${path} cannot be read as JSON.`, { status: 422, cause })
  }
}

/** Without `entities.json` nothing is known of anybody, and policies see what requests say alone. */
export const loadTenant = async ({ folder, ...tenant }: TenantFolder): Promise<TenantConfig> => ({
  ...tenant,
  source: await loadPolicyFolder(folder),
  entities: await readEntities(folder),
})
