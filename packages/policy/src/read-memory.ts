/**
 * What reading one policy gave, for the set that was read last: most changes of a set leave most policies as they are.
 *
 * INVARIANT: what is remembered is a function of the schema and the policy's own text, and of nothing else.
 */
import { setImmediate } from 'node:timers/promises'
import type { CedarProblem, FoundPolicy, ReadAnswer, ReadJob } from './cedar/messages.ts'
import { type CompiledBody, compileBody } from './compile/policy.ts'
import { PORTION } from './compile/portions.ts'
import { type Annotations, type ReadAnnotations, readAnnotations } from './demands/annotations.ts'
import { type ContextReads, contextReads } from './facts/reads.ts'

/** Effect and scopes, in Cedar's JSON form. */
export interface PolicyHead {
  readonly effect: unknown
  readonly principal: unknown
  readonly action: unknown
  readonly resource: unknown
}

export interface PolicyReading {
  readonly errors: readonly CedarProblem[]
  readonly warnings: readonly CedarProblem[]
  /** Undefined: it does not parse. */
  readonly parsed:
    | {
        readonly head: PolicyHead
        readonly body: CompiledBody
        readonly reads: ContextReads
        readonly annotated: ReadAnnotations
        /** Undefined: the policy has no annotation `@id`. */
        readonly id: string | undefined
      }
    | undefined
}

export interface SetReading {
  readonly schema: string | undefined
  readonly schemaProblems: readonly CedarProblem[]
  /** In the order of the texts. */
  readonly policies: readonly PolicyReading[]
  /** The same, found by text. */
  readonly byText: ReadonlyMap<string, PolicyReading>
}

type Read = (job: Omit<ReadJob, 'kind'>) => Promise<ReadAnswer>

interface PolicyJson extends PolicyHead {
  readonly annotations?: Annotations
}

const annotatedId = ({ annotations }: PolicyJson): string | undefined => {
  const id = annotations === undefined || !Object.hasOwn(annotations, 'id') ? undefined : annotations.id
  return id === null ? '' : id
}

const readingOf = ({ json, errors, warnings }: FoundPolicy): PolicyReading => {
  if (json === undefined) return { errors, warnings, parsed: undefined }
  const policy = JSON.parse(json) as PolicyJson
  const { effect, principal, action, resource } = policy
  const head = { effect, principal, action, resource }
  const annotated = readAnnotations(policy.annotations ?? {}, effect === 'permit' ? 'permit' : 'forbid')
  const parsed = {
    head,
    body: compileBody(policy),
    reads: contextReads(policy),
    annotated,
    id: annotatedId(policy),
  }
  return { errors, warnings, parsed }
}

const readingsOf = async (found: readonly FoundPolicy[]): Promise<PolicyReading[]> => {
  const readings: PolicyReading[] = []
  for (const one of found) {
    readings.push(readingOf(one))
    if (readings.length % PORTION === 0) await setImmediate()
  }
  return readings
}

interface Memory {
  readonly schemaText: string
  readonly reading: SetReading
}

let last: Memory | undefined

const remember = (schemaText: string, reading: SetReading): void => {
  if (reading.schema !== undefined) last = { schemaText, reading }
}

/** Asks `read` about what is new and remembers the rest. */
export const readWithMemory = async (job: Omit<ReadJob, 'kind'>, read: Read): Promise<SetReading> => {
  const before = last?.schemaText === job.schema ? last.reading : undefined
  const news = [...new Set(job.policies)].filter((text) => before?.byText.has(text) !== true)
  const known = before !== undefined && news.length === 0
  const answer = known ? { ...before, policies: [] } : await read({ schema: job.schema, policies: news })
  const fresh = await readingsOf(known ? [] : (answer as ReadAnswer).policies)
  const newest = new Map(news.map((text, index) => [text, fresh[index] as PolicyReading]))
  const policies = job.policies.map((text) => (newest.get(text) ?? before?.byText.get(text)) as PolicyReading)
  const byText = new Map(job.policies.map((text, index) => [text, policies[index] as PolicyReading]))
  const reading = { schema: answer.schema, schemaProblems: answer.schemaProblems, policies, byText }
  remember(job.schema, reading)
  return reading
}
