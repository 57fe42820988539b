/** Text to parsed and validated policies, with every problem at its place. */
import { isCredenceError } from '@credence/kit'
import { builtInSchema, systemPolicies } from './builtin.ts'
import { knownReading } from './cedar/known-readings.ts'
import { readingLane } from './cedar/lane.ts'
import type { CedarProblem, ReadAnswer, ReadJob } from './cedar/messages.ts'
import type { PolicyProblem } from './problem.ts'
import { type CombinedSchema, combineSchema, schemaProblems } from './read-schema.ts'
import { type Draft, draftPolicies, problemAt } from './read-text.ts'
import type { PolicyInfo } from './snapshot.ts'
import type { PolicySource } from './source.ts'

export interface ReadPolicy extends PolicyInfo {
  /** Cedar's JSON form. */
  readonly json: unknown
  readonly bigInteger: boolean
}

export interface ReadSet {
  readonly problems: readonly PolicyProblem[]
  readonly policies: readonly ReadPolicy[]
  /** Cedar's JSON form of the whole schema; undefined when it does not parse. */
  readonly schema: unknown
}

const SYSTEM_PREFIX = 'system.'
const ID_LIMIT = 128

const annotatedId = (json: unknown): string | undefined => {
  const { annotations } = json as { annotations?: Readonly<Record<string, string | null>> }
  const id = annotations === undefined || !Object.hasOwn(annotations, 'id') ? undefined : annotations['id']
  return id === null ? '' : id
}

/** Ids are shown, recorded and compared: short, visible, unique, and nobody but us begins them with `system.`. */
const idProblem = (id: string, draft: Draft, taken: ReadonlySet<string>): string | undefined => {
  if (id.length === 0 || id.length > ID_LIMIT || !/^[\x21-\x7e]+$/.test(id)) {
    return `The id of a policy is 1 to ${ID_LIMIT} visible ASCII characters without spaces.`
  }
  if (draft.origin === 'user' && id.startsWith(SYSTEM_PREFIX))
    return `Ids beginning with "${SYSTEM_PREFIX}" are kept for system policies.`
  return taken.has(id) ? `Another policy has the id "${id}" already.` : undefined
}

const parserProblem = (
  draft: Draft,
  found: CedarProblem,
  code: string,
  severity: 'error' | 'warning',
): PolicyProblem => {
  const message = found.message
    .replace(/^failed to parse policy from string: /, '')
    .replace(/`[0-9]+`, /, '')
    .replace(/^for policy /, '')
  const hint = found.help?.replace(/^for policy `[0-9]+`, /, '') ?? found.label
  return problemAt(draft, found.start, code, message, hint ?? undefined, severity)
}

const readOne = (
  draft: Draft,
  found: ReadAnswer['policies'][number],
  taken: Set<string>,
  problems: PolicyProblem[],
): ReadPolicy | undefined => {
  const json: unknown = found.json === undefined ? undefined : JSON.parse(found.json)
  const code = json === undefined ? 'parse' : 'validation'
  for (const error of found.errors) problems.push(parserProblem(draft, error, code, 'error'))
  for (const warning of found.warnings) problems.push(parserProblem(draft, warning, code, 'warning'))
  if (json === undefined) return undefined
  const id = annotatedId(json) ?? draft.defaultId
  const wrong = idProblem(id, draft, taken)
  if (wrong !== undefined)
    problems.push(problemAt(draft, 0, 'id', wrong, 'write @id("a-short-name") before the policy'))
  taken.add(id)
  const effect = (json as { effect: unknown }).effect === 'permit' ? 'permit' : 'forbid'
  const { origin, file, text, line, bigInteger } = draft
  return { id, origin, effect, file: file.name, line, text, json, bigInteger }
}

const engineProblem = (source: PolicySource, error: unknown): PolicyProblem => ({
  code: 'engine',
  severity: 'error',
  file: source.files[0]?.name ?? source.schema?.name ?? '',
  line: 1,
  column: 1,
  message: `The policies could not be checked${isCredenceError(error) && error.detail !== undefined ? `: ${error.detail}` : ''}.`,
  hint: 'simplify deeply nested conditions, or split the set',
})

interface Reading {
  readonly drafts: readonly Draft[]
  readonly schema: CombinedSchema | undefined
  /** What the engine is asked; undefined when it is not to see this. */
  readonly job: Omit<ReadJob, 'kind'> | undefined
}

export const readingJob = (source: PolicySource, problems: PolicyProblem[]): Reading => {
  const drafts = draftPolicies(systemPolicies, source.files, problems)
  const schema = combineSchema(builtInSchema, source.schema, problems)
  const unfit = schema === undefined || problems.some(({ code }) => code === 'too_large')
  return { drafts, schema, job: unfit ? undefined : { schema: schema.text, policies: drafts.map(({ text }) => text) } }
}

/** Never throws for what is wrong with the text: what cannot be read is a problem of severity `error`. */
export const readPolicySet = async (source: PolicySource): Promise<ReadSet> => {
  const problems: PolicyProblem[] = []
  const { drafts, schema, job } = readingJob(source, problems)
  if (schema === undefined || job === undefined) return { problems, policies: [], schema: undefined }
  let answer: ReadAnswer
  try {
    answer = knownReading(job) ?? (await readingLane.read(job))
  } catch (error) {
    return { problems: [...problems, engineProblem(source, error)], policies: [], schema: undefined }
  }
  problems.push(...schemaProblems(schema, answer.schemaProblems))
  const taken = new Set<string>()
  const policies = drafts.flatMap((draft, index) => {
    const found = answer.policies[index]
    const policy = found && readOne(draft, found, taken, problems)
    return policy === undefined ? [] : [policy]
  })
  return { problems, policies, schema: answer.schema === undefined ? undefined : JSON.parse(answer.schema) }
}
