/** Policies as text: what a folder holds, what the feed carries and what a version is the hash of. */
import { createHash } from 'node:crypto'
import { refused } from '@credence/kit'

export interface PolicyFile {
  /** Relative name with `/`, for messages and for the ids of policies without `@id`. */
  readonly name: string
  readonly text: string
}

export interface PolicySource {
  /** `*.cedar`, sorted by name. */
  readonly files: readonly PolicyFile[]
  /** Extends the built-in schema; never replaces it. */
  readonly schema?: PolicyFile
}

const byName = (a: PolicyFile, b: PolicyFile): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

export const sortedFiles = ({ files }: PolicySource): readonly PolicyFile[] => [...files].sort(byName)

/** One text for one content: names sorted, nothing else. What `policy` entries of the feed carry as `body`. */
export const encodePolicySource = (source: PolicySource): string =>
  JSON.stringify([
    'credence-policy-1',
    source.schema === undefined ? null : [source.schema.name, source.schema.text],
    sortedFiles(source).map(({ name, text }) => [name, text]),
  ])

const isPair = (value: unknown): value is readonly [string, string] =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'string'

/** Refuses everything that `encodePolicySource` cannot have written. */
export const decodePolicySource = (body: string): PolicySource => {
  const wrong = () => refused('policy_body_invalid', 'The policy set is not in the form that this version reads.')
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw wrong()
  }
  if (!Array.isArray(value) || value.length !== 3 || value[0] !== 'credence-policy-1') throw wrong()
  const schema: unknown = value[1]
  const files: unknown = value[2]
  if (!Array.isArray(files) || !files.every(isPair) || (schema !== null && !isPair(schema))) throw wrong()
  const source: PolicySource = {
    files: files.map(([name, text]) => ({ name, text })),
    ...(schema === null ? {} : { schema: { name: schema[0], text: schema[1] } }),
  }
  if (encodePolicySource(source) !== body) throw wrong()
  return source
}

/** base64url SHA-256 over the built-in part and the source: the same decisions have the same version. */
export const hashPolicySource = (builtIn: string, source: PolicySource): string =>
  createHash('sha256')
    .update(JSON.stringify([builtIn, encodePolicySource(source)]))
    .digest('base64url')
