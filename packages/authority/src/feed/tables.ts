/** The rows of the inside feed. The caller gives the migration its number in the one list. */

const TABLES = (integer: string): string[] => [
  `CREATE TABLE feed_head (domain TEXT PRIMARY KEY, number ${integer} NOT NULL)`,
  `CREATE TABLE feed (
    domain TEXT NOT NULL, number ${integer} NOT NULL, at ${integer} NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (domain, number))`,
]

/** The channel on which PostgreSQL says that a domain's feed has grown; the payload is the domain. */
export const FEED_CHANNEL = 'credence_feed'

const NOTIFY = [
  `CREATE FUNCTION feed_notify() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN PERFORM pg_notify('${FEED_CHANNEL}', NEW.domain); RETURN NULL; END $$`,
  'CREATE TRIGGER feed_notify AFTER INSERT ON feed FOR EACH ROW EXECUTE FUNCTION feed_notify()',
]

export const feedTables = {
  sqlite: TABLES('INTEGER'),
  postgres: [...TABLES('BIGINT'), ...NOTIFY],
} as const
