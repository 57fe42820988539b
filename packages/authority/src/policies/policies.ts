/**
 * Versions of the policy set. INVARIANT: a version is activated whole, in one batch with its author, its difference and
 * its entry of the feed; the hash that records name is the hash of what is in force.
 */
import { refused } from '@credence/kit'
import {
  compilePolicySet,
  decodePolicySource,
  diffPolicySets,
  encodePolicySource,
  type PolicyDecider,
  type PolicySource,
  quickstartPolicies,
} from '@credence/policy'
import type { Core } from '../core.ts'
import { mustBeOne, sql } from '../sql.ts'

export const policyTables: readonly string[] = [
  `CREATE TABLE policy_versions (
    domain TEXT NOT NULL,
    number BIGINT NOT NULL,
    version TEXT NOT NULL,
    body TEXT NOT NULL,
    author TEXT NOT NULL,
    difference TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (domain, number)
  )`,
]

export interface PolicyVersion {
  readonly number: number
  readonly version: string
  readonly author: string
  readonly difference: readonly string[]
  readonly created: number
}

export interface Policies {
  current(): Promise<PolicyVersion & { readonly source: PolicySource }>
  list(): Promise<readonly PolicyVersion[]>
  /** One version with its text, by its number. */
  version(number: number): Promise<PolicyVersion & { readonly source: PolicySource }>
  /** `expected`: the number of the version that this one was made from; somebody else's change in between is refused. */
  apply(source: PolicySource, author: string, expected?: number): Promise<PolicyVersion>
  /** Brings the decider to what the store says; when the feed tells of a version from another node. */
  reload(): Promise<void>
}

interface Stored extends PolicyVersion {
  readonly source: PolicySource
}

const storedOf = (row: { readonly [column: string]: unknown }): Stored => ({
  number: Number(row.number),
  version: String(row.version),
  author: String(row.author),
  difference: JSON.parse(String(row.difference)) as string[],
  created: Number(row.created),
  source: decodePolicySource(String(row.body)),
})

const newest = async (core: Pick<Core, 'db' | 'domain'>): Promise<Stored | undefined> => {
  const [row] = await core.db.read(
    sql('SELECT * FROM policy_versions WHERE domain = ? ORDER BY number DESC LIMIT 1', core.domain.id),
  )
  return row === undefined ? undefined : storedOf(row)
}

const numbered = async (core: Pick<Core, 'db' | 'domain'>, number: number): Promise<Stored> => {
  const [row] = await core.db.read(
    sql('SELECT * FROM policy_versions WHERE domain = ? AND number = ?', core.domain.id, number),
  )
  if (row === undefined) {
    throw refused('policy_version_unknown', 'There is no such version of the policies.', { status: 404 })
  }
  return storedOf(row)
}

type Part = Pick<Core, 'db' | 'domain' | 'clock' | 'publish'>

const insert = async (
  core: Part,
  before: Stored | undefined,
  source: PolicySource,
  author: string,
): Promise<PolicyVersion> => {
  const snapshot = await compilePolicySet(source)
  const made: PolicyVersion = {
    number: (before?.number ?? 0) + 1,
    version: snapshot.version,
    author,
    difference: diffPolicySets(before?.source, source).sentences,
    created: core.clock.now(),
  }
  const body = encodePolicySource(source)
  await core.db.atomically([
    mustBeOne(
      'policy_changed',
      `INSERT INTO policy_versions (domain, number, version, body, author, difference, created)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      core.domain.id,
      made.number,
      made.version,
      body,
      author,
      JSON.stringify(made.difference),
      made.created,
    ),
    ...core.publish({ kind: 'policy', version: made.version, body }),
  ])
  return made
}

/** The set of a new domain is in force before anything is decided. */
export const firstPolicies = async (core: Part): Promise<PolicySource> => {
  const stored = await newest(core)
  if (stored !== undefined) return stored.source
  const source = quickstartPolicies()
  await insert(core, undefined, source, 'credence').catch(async (error: unknown) => {
    if ((await newest(core)) === undefined) throw error
  })
  return source
}

export const createPolicies = (core: Part, decider: PolicyDecider): Policies => {
  const known = async (): Promise<Stored> => {
    const stored = await newest(core)
    if (stored === undefined) throw refused('policy_none', 'There is no policy set.', { status: 404 })
    return stored
  }
  const reload = async (): Promise<void> => {
    const stored = await known()
    if (stored.version !== decider.snapshot.version) decider.activate(await compilePolicySet(stored.source))
  }
  return {
    current: known,
    version: (number) => numbered(core, number),
    reload,
    list: async () => {
      const rows = await core.db.read(
        sql(
          'SELECT number, version, author, difference, created FROM policy_versions WHERE domain = ? ORDER BY number DESC LIMIT 200',
          core.domain.id,
        ),
      )
      return rows.map((row) => ({
        number: Number(row.number),
        version: String(row.version),
        author: String(row.author),
        difference: JSON.parse(String(row.difference)) as string[],
        created: Number(row.created),
      }))
    },
    apply: async (source, author, expected) => {
      const before = await known()
      if (expected !== undefined && expected !== before.number) {
        throw refused('policy_changed', `The policies are at version ${before.number} now.`, { status: 409 })
      }
      const made = await insert(core, before, source, author)
      await reload()
      return made
    },
  }
}
