/** Definitions of tools as the servers last told them: what consent pages show and what a pinned hash is compared with. */
import type { JsonObject, JsonValue } from '@credence/kit/json'
import { toolDefinitionHash } from '@credence/model'
import type { Core } from '../core.ts'
import type { ResourceTool } from '../ports.ts'
import { sql } from '../sql.ts'

export interface StoredTool extends ResourceTool {
  readonly hash: string
  readonly seen: number
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const toolOf = (row: { readonly [column: string]: unknown }): StoredTool => {
  const definition = JSON.parse(String(row.definition)) as { readonly title?: unknown; readonly description?: unknown }
  const title = text(definition.title)
  const description = text(definition.description)
  return {
    name: String(row.name),
    hash: String(row.hash),
    seen: Number(row.seen),
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
  }
}

export const listTools = async (core: Pick<Core, 'db' | 'domain'>, server: string): Promise<StoredTool[]> =>
  (
    await core.db.read(
      sql('SELECT * FROM tools WHERE domain = ? AND server = ? ORDER BY name LIMIT 1000', core.domain.id, server),
    )
  ).map(toolOf)

/** What the tools of a server take, in JSON Schema, as it told us. */
export const listInputSchemas = async (
  core: Pick<Core, 'db' | 'domain'>,
  server: string,
): Promise<readonly { readonly name: string; readonly inputSchema?: JsonValue }[]> =>
  (
    await core.db.read(
      sql(
        'SELECT name, definition FROM tools WHERE domain = ? AND server = ? ORDER BY name LIMIT 1000',
        core.domain.id,
        server,
      ),
    )
  ).map((row) => {
    const { inputSchema } = JSON.parse(String(row.definition)) as { readonly inputSchema?: JsonValue }
    return { name: String(row.name), ...(inputSchema === undefined ? {} : { inputSchema }) }
  })

/** The whole list at once, as the server told it. */
export const storeTools = async (
  core: Pick<Core, 'db' | 'domain' | 'clock'>,
  server: string,
  definitions: readonly (JsonObject & { readonly name: string })[],
): Promise<void> => {
  const rows = definitions.map((definition) =>
    sql(
      'INSERT INTO tools (domain, server, name, definition, hash, seen) VALUES (?, ?, ?, ?, ?, ?)',
      core.domain.id,
      server,
      definition.name,
      JSON.stringify(definition),
      toolDefinitionHash(definition),
      core.clock.now(),
    ),
  )
  await core.db.atomically([sql('DELETE FROM tools WHERE domain = ? AND server = ?', core.domain.id, server), ...rows])
}
