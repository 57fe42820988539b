/** Names of groups, as JSON. */
export const agentGroups: readonly string[] = [`ALTER TABLE agents ADD COLUMN member_of TEXT NOT NULL DEFAULT '[]'`]

export const registryTables: readonly string[] = [
  `CREATE TABLE owners (
    domain TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    person TEXT,
    created BIGINT NOT NULL,
    PRIMARY KEY (domain, id)
  )`,
  `CREATE TABLE agents (
    domain TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    spiffe_id TEXT NOT NULL,
    status TEXT NOT NULL,
    version BIGINT NOT NULL,
    role TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    grant_types TEXT NOT NULL,
    jwks TEXT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (domain, id)
  )`,
  'CREATE UNIQUE INDEX agents_spiffe_id ON agents (domain, spiffe_id)',
  'CREATE INDEX agents_owner ON agents (domain, owner)',
  `CREATE TABLE registries (
    domain TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    body TEXT NOT NULL
  )`,
  `CREATE TABLE tools (
    domain TEXT NOT NULL,
    server TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    hash TEXT NOT NULL,
    seen BIGINT NOT NULL,
    PRIMARY KEY (domain, server, name)
  )`,
  `CREATE TABLE dynamic_clients (
    domain TEXT NOT NULL,
    id TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (domain, id)
  )`,
]
