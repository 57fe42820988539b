/** The ledger of a domain whose database is PostgreSQL. `docs/design/ledger-format.md` says what the columns hold. */
export const ledgerTables: readonly string[] = [
  `CREATE TABLE ledger_heads (
    domain TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    first_signature BLOB NOT NULL,
    size BIGINT NOT NULL,
    root BLOB NOT NULL,
    signature BLOB NOT NULL,
    turn TEXT
  )`,
  `CREATE TABLE ledger_batches (
    domain TEXT NOT NULL,
    first BIGINT NOT NULL,
    size BIGINT NOT NULL,
    token TEXT NOT NULL,
    frame BLOB NOT NULL,
    PRIMARY KEY (domain, first)
  )`,
  `CREATE TABLE ledger_tiles (
    domain TEXT NOT NULL,
    level BIGINT NOT NULL,
    n BIGINT NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (domain, level, n)
  )`,
]

/** A takeover that was begun: until the head is there, nothing else is appended. */
export const ledgerOwed: readonly string[] = [
  'ALTER TABLE ledger_heads ADD COLUMN owed_size BIGINT',
  'ALTER TABLE ledger_heads ADD COLUMN owed_root BLOB',
  'ALTER TABLE ledger_heads ADD COLUMN owed_by TEXT',
]
