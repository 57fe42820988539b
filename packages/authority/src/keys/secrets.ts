/** Named symmetric secrets of the domain (nonce keys, cookie keys), sealed, made once and agreed between nodes. */
import type { Database } from '@credence/db'
import type { Clock, Random } from '@credence/kit'
import type { DomainId } from '@credence/model'
import { sql } from '../sql.ts'
import type { Sealer } from './seal.ts'

export const secretTables: readonly string[] = [
  `CREATE TABLE secrets (
    domain TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (domain, name)
  )`,
]

export type SecretName = 'dpop_nonce' | 'cookies' | 'ledger_ed25519'

export interface SecretDeps {
  readonly db: Database
  readonly sealer: Sealer
  readonly clock: Clock
  readonly random: Random
  readonly domain: DomainId
}

/** The secret of that name; `make` is asked only when there is none, and the first node to write wins. */
export const secret = async (
  deps: SecretDeps,
  name: SecretName,
  make: () => Uint8Array = () => deps.random.bytes(32),
): Promise<Uint8Array> => {
  const find = () => deps.db.read(sql('SELECT sealed FROM secrets WHERE domain = ? AND name = ?', deps.domain, name))
  let [row] = await find()
  if (row === undefined) {
    const sealed = deps.sealer.seal(make(), deps.domain, `secret:${name}`)
    await deps.db.atomically([
      sql(
        'INSERT INTO secrets (domain, name, sealed, created) VALUES (?, ?, ?, ?) ON CONFLICT (domain, name) DO NOTHING',
        deps.domain,
        name,
        sealed,
        deps.clock.now(),
      ),
    ])
    ;[row] = await find()
  }
  return deps.sealer.open(row?.sealed as Uint8Array, deps.domain, `secret:${name}`)
}
