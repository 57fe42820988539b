/**
 * What a policy demands beside its yes or no, from its annotations: `@ask("person")` and `@obligation("...")`.
 *
 * INVARIANT: an annotation only ever adds a demand. One that is not understood is refused where it stands, never passed over.
 */
import type { Obligation } from '@credence/model'
import { parseObligations, type WrittenObligation, WrongObligation } from './obligation-text.ts'

export interface WrittenDemands {
  /** A person must be asked before what it permits is done. */
  readonly ask: boolean
  readonly obligations: readonly WrittenObligation[]
}

export interface AnnotationProblem {
  readonly annotation: string
  readonly message: string
  readonly hint: string
  readonly severity: 'error' | 'warning'
}

export type Annotations = Readonly<Record<string, string | null>>

/** For those who read the policy. */
const SAY_NOTHING: ReadonlySet<string> = new Set(['id', 'description', 'note'])

const ASK = { hint: 'write @ask("person")', severity: 'error' } as const

const askProblem = (value: string | null, effect: 'permit' | 'forbid'): AnnotationProblem | undefined => {
  if (effect === 'forbid') {
    const message = '@ask stands on a permit: what is forbidden is not done, whoever is asked.'
    return { annotation: 'ask', message, hint: 'permit it with @ask, and forbid what nobody may do', severity: 'error' }
  }
  if (value === 'person') return undefined
  return { annotation: 'ask', message: `There is nobody to ask by the name ${JSON.stringify(value ?? '')}.`, ...ASK }
}

const obligationsOf = (value: string | null): readonly WrittenObligation[] | AnnotationProblem => {
  try {
    return parseObligations(value ?? '')
  } catch (error) {
    if (!(error instanceof WrongObligation)) throw error
    return { annotation: 'obligation', message: error.message, hint: error.hint, severity: 'error' }
  }
}

const unknown = (annotation: string): AnnotationProblem => ({
  annotation,
  message: `The annotation @${annotation} means nothing here.`,
  hint: 'known are @id, @ask, @obligation, and for readers @description and @note',
  severity: 'warning',
})

export interface ReadAnnotations {
  /** Undefined: it demands nothing. */
  readonly demands: WrittenDemands | undefined
  readonly problems: readonly AnnotationProblem[]
}

export const readAnnotations = (annotations: Annotations, effect: 'permit' | 'forbid'): ReadAnnotations => {
  const problems: AnnotationProblem[] = []
  let ask = false
  let obligations: readonly WrittenObligation[] = []
  for (const [name, value] of Object.entries(annotations)) {
    if (name === 'ask') {
      const problem = askProblem(value, effect)
      if (problem === undefined) ask = true
      else problems.push(problem)
    } else if (name === 'obligation') {
      const read = obligationsOf(value)
      if ('message' in read) problems.push(read)
      else obligations = read
    } else if (!SAY_NOTHING.has(name)) problems.push(unknown(name))
  }
  return { demands: ask || obligations.length > 0 ? { ask, obligations } : undefined, problems }
}

/** Of one policy under its id: of a link that of the link. */
export interface Demands {
  readonly ask: boolean
  readonly obligations: readonly Obligation[]
}

/** INVARIANT: unique in a decision: ids of policies are, and none holds a space. */
export const demandsOf = (policy: string, { ask, obligations }: WrittenDemands): Demands => ({
  ask,
  obligations: obligations.map(({ type, properties }, index) => ({
    id: index === 0 ? policy : `${policy} ${index + 1}`,
    type,
    properties,
  })),
})

const NOTHING: Demands = { ask: false, obligations: [] }

/**
 * What the policies that determine a decision demand together. Demands add up: nobody gets rid of one by being permitted
 * twice, so one permit that asks is enough to ask.
 */
export const joinDemands = (policies: readonly string[], known: ReadonlyMap<string, Demands>): Demands => {
  if (known.size === 0) return NOTHING
  let ask = false
  const obligations: Obligation[] = []
  for (const policy of policies) {
    const one = known.get(policy)
    if (one === undefined) continue
    ask ||= one.ask
    obligations.push(...one.obligations)
  }
  return { ask, obligations }
}

export const asking = (policies: readonly string[], known: ReadonlyMap<string, Demands>): string[] =>
  policies.filter((policy) => known.get(policy)?.ask === true).sort()
