/** The accountable person or team of an agent. */
import type { Row } from '@credence/db'
import { newId, refused } from '@credence/kit'
import type { OwnerId } from '@credence/model'
import type { Core } from '../core.ts'
import { sql } from '../sql.ts'

export interface Owner {
  readonly id: OwnerId
  readonly name: string
  readonly kind: 'person' | 'team'
  /** `sub` of the person, when the owner can sign in. */
  readonly person?: string
  readonly created: number
}

const fromRow = (row: Row): Owner => ({
  id: row.id as OwnerId,
  name: String(row.name),
  kind: row.kind as Owner['kind'],
  ...(row.person === null ? {} : { person: String(row.person) }),
  created: Number(row.created),
})

export const createOwner = async (
  core: Pick<Core, 'db' | 'domain' | 'clock' | 'random'>,
  owner: { readonly name: string; readonly kind: 'person' | 'team'; readonly person?: string },
): Promise<Owner> => {
  const made: Owner = { id: newId('own', core.random), created: core.clock.now(), ...owner }
  await core.db.atomically([
    sql(
      'INSERT INTO owners (domain, id, name, kind, person, created) VALUES (?, ?, ?, ?, ?, ?)',
      core.domain.id,
      made.id,
      made.name,
      made.kind,
      made.person ?? null,
      made.created,
    ),
  ])
  return made
}

export const findOwner = async (core: Pick<Core, 'db' | 'domain'>, id: string): Promise<Owner> => {
  const [row] = await core.db.read(sql('SELECT * FROM owners WHERE domain = ? AND id = ?', core.domain.id, id))
  if (row === undefined) throw refused('owner_unknown', 'There is no such owner.', { status: 404 })
  return fromRow(row)
}

export const listOwners = async (core: Pick<Core, 'db' | 'domain'>): Promise<Owner[]> =>
  (await core.db.read(sql('SELECT * FROM owners WHERE domain = ? ORDER BY created, id', core.domain.id))).map(fromRow)
