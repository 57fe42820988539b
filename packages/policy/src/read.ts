/** Text to parsed and validated policies, with every problem at its place. */
import { isCredenceError } from '@credence/kit'
import { builtInSchema, systemPolicies } from './builtin.ts'
import { knownReading } from './cedar/known-readings.ts'
import { readingLane } from './cedar/lane.ts'
import type { CedarProblem, ReadAnswer, ReadJob } from './cedar/messages.ts'
import { field } from './compile/json.ts'
import type { CompiledBody } from './compile/policy.ts'
import { atOnce, inPortions, PORTION, type Portions } from './compile/portions.ts'
import type { AnnotationProblem, WrittenDemands } from './demands/annotations.ts'
import type { ContextReads } from './facts/reads.ts'
import { idProblem } from './policy-ids.ts'
import type { PolicyProblem } from './problem.ts'
import { type ReadTemplate, readLinks } from './read-links.ts'
import { type PolicyHead, type PolicyReading, readWithMemory, type SetReading } from './read-memory.ts'
import { type CombinedSchema, combineSchema, schemaProblems } from './read-schema.ts'
import { type Draft, drafting, problemAt } from './read-text.ts'
import type { PolicyInfo } from './snapshot.ts'
import type { PolicySource } from './source.ts'
import { tokenize } from './text/lexer.ts'

export interface ReadPolicy extends PolicyInfo {
  readonly head: PolicyHead
  readonly body: CompiledBody
  readonly reads: ContextReads
  readonly demands?: WrittenDemands
}

export interface ReadSet {
  readonly problems: readonly PolicyProblem[]
  readonly policies: readonly ReadPolicy[]
  /** Cedar's JSON form of the whole schema; undefined when it does not parse. */
  readonly schema: unknown
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

/** Valid, and not what its author thinks: what is unknown when a decision is made makes a policy fail, a forbid too. */
const leftOver = (draft: Draft, what: string): PolicyProblem => {
  const message = `This policy uses ${what}, which has no value when a decision is made: where it is reached, the policy is skipped.`
  return problemAt(draft, 0, 'engine', message, 'a forbid that is skipped forbids nothing', 'warning')
}

/** Does its scope alone reach what agents do to the authority: their tokens, and the operator's? */
const reachesAdministration = ({ origin }: Draft, { effect, principal, action, resource }: PolicyHead): boolean => {
  const anyAgent = field(principal, 'op') === 'All' || field(principal, 'entity_type') === 'Agent'
  const everything = field(action, 'op') === 'All' && field(resource, 'op') === 'All'
  return origin === 'user' && effect === 'forbid' && anyAgent && field(principal, 'in') === undefined && everything
}

/** Valid, and more than its author may think: whoever is locked out cannot apply other policies either. */
const tooFar = (draft: Draft): PolicyProblem => {
  const message =
    'The scope of this forbid reaches the authority too: where it holds, nobody gets a token and nobody administers.'
  return problemAt(
    draft,
    0,
    'reach',
    message,
    'name actions, or `resource is Tool` or `resource in Server::"…"`',
    'warning',
  )
}

/** Valid, and without effect. */
const unlinked = (
  templates: ReadonlyMap<string, ReadTemplate>,
  linked: readonly ReadPolicy[],
): readonly PolicyProblem[] => {
  const used = new Set(linked.map(({ template }) => template))
  return [...templates].flatMap(
    ([
      id,
      {
        policy: { file, line },
      },
    ]): readonly PolicyProblem[] => {
      if (used.has(id)) return []
      const message = `The template "${id}" is not linked, so it applies to nobody.`
      return [{ code: 'template', severity: 'warning', file, line, column: 1, message, hint: 'name it in links.json' }]
    },
  )
}

/** Where the annotation begins, in UTF-16 units. */
const placeOf = (annotation: string, text: string): number => {
  const tokens = tokenize(text)
  const at = tokens.findIndex(({ text: mark }, index) => mark === '@' && tokens[index + 1]?.text === annotation)
  return tokens[at]?.start ?? 0
}

const annotationProblem = (draft: Draft, { annotation, message, hint, severity }: AnnotationProblem): PolicyProblem => {
  const before = draft.text.slice(0, placeOf(annotation, draft.text))
  return problemAt(draft, Buffer.byteLength(before), 'annotation', message, hint, severity)
}

const readOne = (
  draft: Draft,
  { errors, warnings, parsed }: PolicyReading,
  taken: Set<string>,
  problems: PolicyProblem[],
): ReadPolicy | undefined => {
  const code = parsed === undefined ? 'parse' : 'validation'
  for (const error of errors) problems.push(parserProblem(draft, error, code, 'error'))
  for (const warning of warnings) problems.push(parserProblem(draft, warning, code, 'warning'))
  if (parsed === undefined) return undefined
  const { demands, problems: annotations } = parsed.annotated
  for (const one of annotations) problems.push(annotationProblem(draft, one))
  if (reachesAdministration(draft, parsed.head)) problems.push(tooFar(draft))
  if (parsed.body.engine !== undefined) problems.push(leftOver(draft, parsed.body.engine))
  const id = parsed.id ?? draft.defaultId
  const wrong = idProblem(id, draft.origin, taken)
  if (wrong !== undefined)
    problems.push(problemAt(draft, 0, 'id', wrong, 'write @id("a-short-name") before the policy'))
  taken.add(id)
  const effect = parsed.head.effect === 'permit' ? 'permit' : 'forbid'
  const { origin, file, text, line } = draft
  const { head, body, reads } = parsed
  const demanding = demands === undefined ? {} : { demands, ...(demands.ask ? { asks: true } : {}) }
  return { id, origin, effect, file: file.name, line, text, head, body, reads, ...demanding }
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

function* preparing(source: PolicySource, problems: PolicyProblem[]): Portions<Reading> {
  const drafts = yield* drafting(source.alone === true ? [] : systemPolicies, source.files, problems)
  const schema = combineSchema(source.alone === true ? '' : builtInSchema, source.schema, problems)
  const unfit = schema === undefined || problems.some(({ code }) => code === 'too_large')
  return { drafts, schema, job: unfit ? undefined : { schema: schema.text, policies: drafts.map(({ text }) => text) } }
}

export const readingJob = (source: PolicySource, problems: PolicyProblem[]): Reading =>
  atOnce(preparing(source, problems))

const ask = async (job: Omit<ReadJob, 'kind'>): Promise<ReadAnswer> =>
  knownReading(job) ?? (await readingLane.read(job))

interface Taken {
  readonly policies: readonly ReadPolicy[]
  readonly templates: ReadonlyMap<string, ReadTemplate>
}

/** What has slots is a template: it applies to nobody until it is linked. */
function* taking(
  drafts: readonly Draft[],
  reading: SetReading,
  taken: Set<string>,
  problems: PolicyProblem[],
): Portions<Taken> {
  const policies: ReadPolicy[] = []
  const templates = new Map<string, ReadTemplate>()
  for (const [index, draft] of drafts.entries()) {
    if (index % PORTION === 0) yield
    const found = reading.policies[index]
    const policy = found && readOne(draft, found, taken, problems)
    if (policy === undefined) continue
    if (draft.slots.length === 0) policies.push(policy)
    else templates.set(policy.id, { policy, slots: draft.slots })
  }
  return { policies, templates }
}

/** Never throws for what is wrong with the text: what cannot be read is a problem of severity `error`. */
export const readPolicySet = async (source: PolicySource): Promise<ReadSet> => {
  const problems: PolicyProblem[] = []
  const { drafts, schema, job } = await inPortions(preparing(source, problems))
  if (schema === undefined || job === undefined) return { problems, policies: [], schema: undefined }
  try {
    const reading = await readWithMemory(job, ask)
    problems.push(...schemaProblems(schema, reading.schemaProblems))
    const taken = new Set<string>()
    const { policies, templates } = await inPortions(taking(drafts, reading, taken, problems))
    const linked = await readLinks({ file: source.links, schema: schema.text, templates, taken }, ask, problems)
    if (!problems.some(({ severity }) => severity === 'error')) problems.push(...unlinked(templates, linked))
    const json: unknown = reading.schema === undefined ? undefined : JSON.parse(reading.schema)
    return { problems, policies: [...policies, ...linked], schema: json }
  } catch (error) {
    return { problems: [...problems, engineProblem(source, error)], policies: [], schema: undefined }
  }
}
