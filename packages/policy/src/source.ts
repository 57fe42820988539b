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
  /** Links of templates. */
  readonly links?: PolicyFile
  /**
   * Without the built-in schema and the system policies: for a decision point that has nothing to do with the domain, so
   * that every name of a type or an action is free. Never of a domain, and not carried by its feed.
   */
  readonly alone?: true
}

const byName = (a: PolicyFile, b: PolicyFile): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

export const sortedFiles = ({ files }: PolicySource): readonly PolicyFile[] => [...files].sort(byName)

const PLAIN = 'credence-policy-1'
const WITH_LINKS = 'credence-policy-2'

const pairOf = (file: PolicyFile | undefined): readonly [string, string] | null =>
  file === undefined ? null : [file.name, file.text]

/** One text for one content: names sorted, nothing else. What `policy` entries of the feed carry as `body`. */
export const encodePolicySource = (source: PolicySource): string => {
  const files = sortedFiles(source).map(({ name, text }) => [name, text])
  return JSON.stringify(
    source.links === undefined
      ? [PLAIN, pairOf(source.schema), files]
      : [WITH_LINKS, pairOf(source.schema), files, pairOf(source.links)],
  )
}

const isPair = (value: unknown): value is readonly [string, string] =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'string'

const fileOf = ([name, text]: readonly [string, string]): PolicyFile => ({ name, text })

const sourceOf = (value: unknown): PolicySource | undefined => {
  if (!Array.isArray(value)) return undefined
  const [form, schema, files, links]: unknown[] = value
  if (form !== PLAIN && form !== WITH_LINKS) return undefined
  if (!Array.isArray(files) || !files.every(isPair) || (schema !== null && !isPair(schema))) return undefined
  if (form === WITH_LINKS && !isPair(links)) return undefined
  return {
    files: files.map(fileOf),
    ...(schema === null ? {} : { schema: fileOf(schema) }),
    ...(isPair(links) ? { links: fileOf(links) } : {}),
  }
}

/** Refuses everything that `encodePolicySource` cannot have written. */
export const decodePolicySource = (body: string): PolicySource => {
  const wrong = () => refused('policy_body_invalid', 'The policy set is not in the form that this version reads.')
  let source: PolicySource | undefined
  try {
    source = sourceOf(JSON.parse(body))
  } catch {
    throw wrong()
  }
  if (source === undefined || encodePolicySource(source) !== body) throw wrong()
  return source
}

/** base64url SHA-256 over the built-in part and the source: the same decisions have the same version. */
export const hashPolicySource = (builtIn: string, source: PolicySource): string =>
  createHash('sha256')
    .update(JSON.stringify([builtIn, encodePolicySource(source)]))
    .digest('base64url')
