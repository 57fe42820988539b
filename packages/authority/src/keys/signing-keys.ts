/**
 * The issuer's ES256 keys: one that signs, one that is already published and signs next, and those that no longer
 * sign but verify until the last token they signed has expired.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { Database, Row, Statement } from '@credence/db'
import { bug, type Clock, type KeyMaker } from '@credence/kit'
import type { DomainId } from '@credence/model'
import { publicJwkOf, thumbprint } from '@credence/protocol/jose'
import type { PublicJwk } from '../ports.ts'
import { mustBeOne, sql } from '../sql.ts'
import type { Sealer } from './seal.ts'

export const signingKeyTables: readonly string[] = [
  `CREATE TABLE signing_keys (
    domain TEXT NOT NULL,
    kid TEXT NOT NULL,
    status TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created BIGINT NOT NULL,
    verifies_until BIGINT,
    PRIMARY KEY (domain, kid)
  )`,
  `CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (domain) WHERE status = 'active'`,
  `CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (domain) WHERE status = 'next'`,
]

export interface SigningKey {
  readonly kid: string
  readonly status: 'next' | 'active' | 'retired' | 'revoked'
  readonly publicJwk: PublicJwk
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  readonly verifiesUntil: number | undefined
}

export interface SigningKeyDeps {
  readonly db: Database
  readonly sealer: Sealer
  readonly clock: Clock
  readonly keys: KeyMaker
  readonly domain: DomainId
}

export interface SigningKeys {
  active(): SigningKey
  /** Verifies tokens of ours: any key that is published. */
  find(kid: string): SigningKey | undefined
  jwks(): { readonly keys: readonly PublicJwk[] }
  reload(): Promise<void>
  /** The next key becomes active, the active one verifies for `overlapMs` more; `also` commits with it (the feed entry). */
  rotate(overlapMs: number, also: (jwks: { keys: readonly PublicJwk[] }) => readonly Statement[]): Promise<string>
}

/** INVARIANT: what is published comes from what was sealed; the column is for people, and whoever writes it is not believed. */
const publishedJwk = (key: KeyObject, kid: string): PublicJwk => ({
  ...publicJwkOf(key),
  kid,
  use: 'sig',
  alg: 'ES256',
})

const insertKey = (
  deps: SigningKeyDeps,
  status: 'active' | 'next',
  onConflict: '' | 'ON CONFLICT DO NOTHING',
): {
  statement: Statement
  publicJwk: PublicJwk
} => {
  const pair = deps.keys.es256()
  const kid = thumbprint(pair.publicKey)
  const publicJwk = publishedJwk(pair.publicKey, kid)
  const pkcs8 = pair.privateKey.export({ format: 'der', type: 'pkcs8' })
  const statement = sql(
    `INSERT INTO signing_keys (domain, kid, status, public_jwk, sealed, created) VALUES (?, ?, ?, ?, ?, ?) ${onConflict}`,
    deps.domain,
    kid,
    status,
    JSON.stringify(publicJwk),
    deps.sealer.seal(pkcs8, deps.domain, `signing:${kid}`),
    deps.clock.now(),
  )
  return { statement, publicJwk }
}

const fromRow = (deps: SigningKeyDeps, row: Row): SigningKey => {
  const kid = String(row.kid)
  const pkcs8 = Buffer.from(deps.sealer.open(row.sealed as Uint8Array, deps.domain, `signing:${kid}`))
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  return {
    kid,
    status: row.status as SigningKey['status'],
    publicJwk: publishedJwk(publicKey, kid),
    publicKey,
    privateKey,
    verifiesUntil: row.verifies_until === null ? undefined : Number(row.verifies_until),
  }
}

const noActiveKey = (): never => {
  throw bug('no_active_key', 'no active signing key')
}

export const openSigningKeys = async (deps: SigningKeyDeps): Promise<SigningKeys> => {
  let all: readonly SigningKey[] = []
  const published = (): readonly SigningKey[] =>
    all.filter((key) => key.verifiesUntil === undefined || key.verifiesUntil > deps.clock.now())

  const reload = async (): Promise<void> => {
    const rows = await deps.db.read(
      sql(`SELECT * FROM signing_keys WHERE domain = ? AND status <> 'revoked' ORDER BY created, kid`, deps.domain),
    )
    // INVARIANT: a key stays the same object, since those who verify remember what they verified with.
    all = rows.map((row) => {
      const read = fromRow(deps, row)
      const known = all.find(({ kid }) => kid === read.kid)
      return known === undefined ? read : { ...read, privateKey: known.privateKey, publicKey: known.publicKey }
    })
  }

  const rotate: SigningKeys['rotate'] = async (overlapMs, also) => {
    const next = all.find((key) => key.status === 'next')
    const current = all.find((key) => key.status === 'active')
    if (next === undefined || current === undefined) throw bug('signing_keys_incomplete', 'no next or no active key')
    const made = insertKey(deps, 'next', '')
    await deps.db.atomically([
      mustBeOne(
        'rotated_by_another',
        `UPDATE signing_keys SET status = 'retired', verifies_until = ? WHERE domain = ? AND kid = ? AND status = 'active'`,
        deps.clock.now() + overlapMs,
        deps.domain,
        current.kid,
      ),
      mustBeOne(
        'rotated_by_another',
        `UPDATE signing_keys SET status = 'active' WHERE domain = ? AND kid = ? AND status = 'next'`,
        deps.domain,
        next.kid,
      ),
      made.statement,
      ...also({ keys: [...published().map((key) => key.publicJwk), made.publicJwk] }),
    ])
    await reload()
    return next.kid
  }

  await deps.db.atomically([
    insertKey(deps, 'active', 'ON CONFLICT DO NOTHING').statement,
    insertKey(deps, 'next', 'ON CONFLICT DO NOTHING').statement,
  ])
  await reload()

  return {
    active: () => {
      const key = all.find(({ status }) => status === 'active')
      return key ?? noActiveKey()
    },
    find: (kid) => published().find((key) => key.kid === kid),
    jwks: () => ({ keys: published().map((key) => key.publicJwk) }),
    reload,
    rotate,
  }
}
