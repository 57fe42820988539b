/** Who the people of a domain are, and how they come in. */
import type { Database, Row, Statement } from '@credence/db'
import { type Clock, type Random, refused } from '@credence/kit'
import type { DomainId, PersonId } from '@credence/model'
import { mustBeOne, sql } from '../sql.ts'
import { type Link, makeInvitation, makeSetupLink } from './links.ts'

export interface Person {
  readonly id: PersonId
  readonly name: string
  readonly role: 'owner' | 'member'
  readonly status: 'active' | 'suspended'
}

export interface People {
  find(id: PersonId): Promise<Person | undefined>
  list(): Promise<readonly Person[]>
  hasOwner(): Promise<boolean>
  /**
   * A link for the first owner: valid for ten minutes and only while no owner exists. A new one voids the one before.
   * Shown on a terminal or written to a file readable by the user alone; refused (`owner_exists`) afterwards.
   */
  createSetupLink(): Promise<{ readonly url: string; readonly expiresAt: number }>
  /** A link with which one more person can enrol; made by an owner, valid for a day, used once. */
  createInvitation(
    by: PersonId,
    name?: string,
    /** What must hold in the batch that makes it. */
    when?: Statement,
  ): Promise<{ readonly url: string; readonly expiresAt: number }>
}

export interface PeopleDeps {
  readonly issuer: string
  readonly domain: DomainId
  readonly db: Database
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

interface PersonRow extends Row {
  readonly person_id: PersonId
  readonly name: string
  readonly role: Person['role']
  readonly status: Person['status']
}

const toPerson = (row: PersonRow): Person => ({ id: row.person_id, name: row.name, role: row.role, status: row.status })
const COLUMNS = 'person_id, name, role, status'

const byId = async (deps: PeopleDeps, id: PersonId): Promise<Person | undefined> => {
  const [row] = await deps.db.read<PersonRow>(
    sql(`select ${COLUMNS} from people where domain = ? and person_id = ?`, deps.domain, id),
  )
  return row === undefined ? undefined : toPerson(row)
}

const hasOwner = async (deps: PeopleDeps): Promise<boolean> => {
  const rows = await deps.db.read(
    sql("select person_id from people where domain = ? and role = 'owner' limit 1", deps.domain),
  )
  return rows.length > 0
}

/** INVARIANT: the first owner only while there is none; everybody else with the role of their invitation. */
export const insertPerson = (deps: PeopleDeps, id: PersonId, name: string, link: Link): Statement => {
  const values = [deps.domain, id, name, link.role, deps.clock.now()] as const
  const into = 'insert into people (domain, person_id, name, role, status, created_at)'
  if (link.kind === 'invitation')
    return mustBeOne('person_exists', `${into} values (?, ?, ?, ?, 'active', ?)`, ...values)
  return mustBeOne(
    'owner_exists',
    `${into} select ?, ?, ?, ?, 'active', cast(? as bigint)
     where not exists (select 1 from people where domain = ? and role = 'owner')`,
    ...values,
    deps.domain,
  )
}

export const createPeople = (deps: PeopleDeps): People => ({
  find: (id) => byId(deps, id),
  list: async () => {
    const rows = await deps.db.read<PersonRow>(
      sql(`select ${COLUMNS} from people where domain = ? order by created_at, person_id`, deps.domain),
    )
    return rows.map(toPerson)
  },
  hasOwner: () => hasOwner(deps),
  createSetupLink: () => makeSetupLink(deps),
  createInvitation: async (by, name, when) => {
    const person = await byId(deps, by)
    if (person?.role !== 'owner' || person.status !== 'active') {
      throw refused('not_an_owner', 'Only an owner can invite people.')
    }
    const { statement, ...link } = makeInvitation(deps, by, name)
    await deps.db.atomically(when === undefined ? [statement] : [when, statement])
    return link
  },
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

/** A person's name is shown to other people: bounded, and without characters that change how others are read. */
export const checkPersonName = (text: string | undefined): string => {
  const name = (text ?? '').trim().normalize('NFC')
  if (name === '' || name.length > 80 || UNPRINTABLE.test(name)) {
    throw refused('name_not_valid', 'Please give a name of 1 to 80 ordinary characters.', { status: 400 })
  }
  return name
}
