export const grantTables: readonly string[] = [
  `CREATE TABLE grants (
    domain TEXT NOT NULL,
    id TEXT NOT NULL,
    subject_iss TEXT NOT NULL,
    subject_sub TEXT NOT NULL,
    client TEXT NOT NULL,
    agent TEXT,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    details TEXT NOT NULL,
    status TEXT NOT NULL,
    session TEXT,
    evidence TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT,
    PRIMARY KEY (domain, id)
  )`,
  'CREATE INDEX grants_subject ON grants (domain, subject_iss, subject_sub)',
  'CREATE INDEX grants_client ON grants (domain, client)',
]
