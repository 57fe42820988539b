/** Decision points beside the domain's own, from folders of this host. */
import { resolve } from 'node:path'
import { EXAMPLE_FOLDER, loadTenant, type TenantConfig, type TenantFolder } from '@credence/authority'
import { refused } from '@credence/kit'
import type { Settings } from '../settings.ts'

const EXAMPLE = 'example'
/** Of one address, without a token; ten seconds' worth at once. */
const PER_SECOND = 100

const foldersOf = ({ exampleTenant, tenants }: Settings): readonly TenantFolder[] => {
  const own = Object.entries(tenants).map(([name, { folder, open, perSecond = PER_SECOND }]) => ({
    name,
    folder: resolve(folder),
    open: open === true,
    perSecond,
  }))
  if (exampleTenant === 'off') return own
  if (own.some(({ name }) => name === EXAMPLE))
    throw refused('config_invalid', `tenants: "${EXAMPLE}" is the name of the example tenant, which is switched on.`, {
      status: 400,
    })
  return [...own, { name: EXAMPLE, folder: EXAMPLE_FOLDER, open: exampleTenant === 'open', perSecond: PER_SECOND }]
}

export const tenantsOf = (settings: Settings): Promise<TenantConfig[]> =>
  Promise.all(foldersOf(settings).map(loadTenant))
