/** The domain: one administration, one issuer, one set of keys. Its id is made at first start and never changes. */
import type { Database } from '@credence/db'
import { type Clock, newId, type Random, refused } from '@credence/kit'
import type { DomainId } from '@credence/model'
import { sql } from '../sql.ts'

export const domainTables: readonly string[] = [
  `CREATE TABLE domains (
    domain TEXT PRIMARY KEY,
    single BIGINT NOT NULL UNIQUE,
    issuer TEXT NOT NULL,
    trust_domain TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    created BIGINT NOT NULL
  )`,
]

export interface Domain {
  readonly id: DomainId
  readonly issuer: string
  readonly trustDomain: string
  /** A restore begins a new epoch; tokens of an older one are refused. */
  readonly epoch: number
}

interface OpenDomain {
  readonly issuer: string
  readonly trustDomain: string
}

/**
 * The domain of this store; made when there is none. Two nodes that start at once agree: `single` admits one row.
 * INVARIANT: the issuer is fixed for life, since every token, grant and record names it.
 */
export const openDomain = async (
  db: Database,
  wanted: OpenDomain,
  deps: { readonly clock: Clock; readonly random: Random },
): Promise<Domain> => {
  await db.atomically([
    sql(
      `INSERT INTO domains (domain, single, issuer, trust_domain, epoch, created) VALUES (?, 1, ?, ?, 1, ?)
       ON CONFLICT (single) DO NOTHING`,
      newId('dom', deps.random),
      wanted.issuer,
      wanted.trustDomain,
      deps.clock.now(),
    ),
  ])
  const [row] = await db.read(sql('SELECT domain, issuer, trust_domain, epoch FROM domains WHERE single = 1'))
  const domain: Domain = {
    id: row?.domain as DomainId,
    issuer: String(row?.issuer),
    trustDomain: String(row?.trust_domain),
    epoch: Number(row?.epoch),
  }
  if (domain.issuer !== wanted.issuer) {
    throw refused(
      'issuer_changed',
      `This data belongs to the issuer ${domain.issuer}; the issuer of a domain is fixed.`,
    )
  }
  if (domain.trustDomain !== wanted.trustDomain) {
    throw refused('trust_domain_changed', `This data belongs to the trust domain ${domain.trustDomain}.`)
  }
  return domain
}
