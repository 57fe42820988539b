/** Tables of the front half, in portable SQL. Handles (codes, cookies, links) are stored as hashes only. */
export const frontMigrations: readonly string[] = [
  `create table front_documents (
    domain text not null,
    model text not null,
    id text not null,
    payload text not null,
    grant_id text,
    expires_at bigint not null,
    consumed_at bigint,
    primary key (domain, model, id)
  )`,
  'create index front_documents_expiry on front_documents (expires_at)',
  `create table people (
    domain text not null,
    person_id text not null,
    name text not null,
    role text not null,
    status text not null,
    created_at bigint not null,
    primary key (domain, person_id)
  )`,
  `create table people_passkeys (
    domain text not null,
    credential_id text not null,
    person_id text not null,
    public_key text not null,
    counter bigint not null,
    transports text not null,
    backed_up bigint not null,
    created_at bigint not null,
    used_at bigint,
    primary key (domain, credential_id)
  )`,
  'create index people_passkeys_person on people_passkeys (domain, person_id)',
  `create table people_upstreams (
    domain text not null,
    iss text not null,
    sub text not null,
    person_id text not null,
    created_at bigint not null,
    primary key (domain, iss, sub)
  )`,
  `create table people_sessions (
    domain text not null,
    secret_hash text not null,
    session_id text not null,
    person_id text not null,
    method text not null,
    auth_time bigint not null,
    expires_at bigint not null,
    primary key (domain, secret_hash)
  )`,
  'create index people_sessions_expiry on people_sessions (expires_at)',
  `create table people_links (
    domain text not null,
    slot text not null,
    secret_hash text not null,
    kind text not null,
    role text not null,
    name text,
    created_by text,
    expires_at bigint not null,
    primary key (domain, slot)
  )`,
]
