/**
 * COAZ framework, draft 1: a mapping is a template of an AuthZEN request, its leaves literals or expressions.
 *
 * INVARIANT: whatever a mapping says and whatever the inputs are, the work is bounded: leaves, depth and questions are counted
 * when the mapping is read; expressions loop over short lists in short requests only; and how many characters all expressions
 * together may read is a budget that is compared before the first is evaluated. What is made is counted while it is made.
 */
import { isCredenceError } from '@credence/kit'
import type { JsonObject, JsonValue } from '@credence/kit/json'
import { mappingError } from '../errors.ts'
import { ABSENT, type Expression, type ExpressionReader, type Inputs, type Resolved, type Spent } from './expression.ts'

/** One question, resolved; not yet checked against AuthZEN. */
export type Question = Readonly<Record<string, JsonValue>>

export interface Mapping {
  readonly envelope: 'evaluation' | 'evaluations'
  /** One for each decision, in order: `evaluation` has one. Throws `coaz_mapping_failed`. */
  questions(inputs: Inputs): readonly Question[]
}

const MAX_LEAVES = 128
const MAX_DEPTH = 12
export const MAX_QUESTIONS = 16
/** Members of any list or map of the inputs, where an expression loops. */
export const MAX_LOOPED = 256
/** Characters of all inputs, where an expression loops. */
export const MAX_LOOPED_TEXT = 16_384
/** Characters of all that a mapping makes. */
const MAX_MADE = 65_536
/** Characters that all expressions of a mapping may read for one operation. */
const MAX_READ = 16_777_216

type Node = (inputs: Inputs, made: Spent) => Resolved

const madeAtMost = (most: number): Spent => {
  let left = most
  return {
    characters: (count) => {
      left -= count
      if (left < 0) throw mappingError('what it makes is too long.')
    },
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

class Reading {
  loops = false
  once = 0
  looped = 0
  #leaves = 0
  readonly #read: ExpressionReader

  constructor(read: ExpressionReader) {
    this.#read = read
  }

  node(value: JsonValue, depth = 0): Node {
    if (depth > MAX_DEPTH) throw mappingError('the mapping is nested too deep.')
    if (isObject(value)) return this.#object(value, depth)
    this.#leaves += 1
    if (this.#leaves > MAX_LEAVES) throw mappingError('the mapping has too many values.')
    if (typeof value === 'string') return this.#text(value)
    const characters = charactersOf(value, MAX_MADE)
    return (_inputs, made) => {
      made.characters(characters)
      return value
    }
  }

  #object(value: JsonObject, depth: number): Node {
    const members = Object.entries(value).map(([name, member]) => {
      if (name === '__proto__') throw mappingError('a member of the mapping cannot have this name.')
      return [name, this.node(member, depth + 1)] as const
    })
    return (inputs, spent) => {
      const made: Record<string, JsonValue> = {}
      for (const [name, member] of members) {
        const resolved = member(inputs, spent)
        if (resolved === ABSENT) continue
        spent.characters(name.length)
        made[name] = resolved
      }
      return made
    }
  }

  /** > A string value whose first character is `$` is an expression; `$$` denotes a single literal `$` */
  #text(text: string): Node {
    if (!text.startsWith('$') || text.startsWith('$$')) {
      const literal = text.startsWith('$') ? text.slice(1) : text
      return (_inputs, made) => {
        made.characters(literal.length)
        return literal
      }
    }
    const expression = this.#expression(text)
    return (inputs, made) => {
      try {
        return expression.evaluate(inputs, made)
      } catch (error) {
        if (isCredenceError(error)) throw error
        throw mappingError(`the expression ${JSON.stringify(text.slice(0, 200))} failed.`)
      }
    }
  }

  #expression(text: string): Expression {
    try {
      const expression = this.#read(text.slice(1))
      this.loops ||= expression.loops
      this.once += expression.work.once
      this.looped += expression.work.looped
      return expression
    } catch (cause) {
      const why = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : ''
      throw mappingError(`${JSON.stringify(text.slice(0, 200))} is not an expression that can be used: ${why}`)
    }
  }
}

const isShort = (value: JsonValue): boolean => {
  if (typeof value !== 'object' || value === null) return true
  const members = Object.values(value)
  return members.length <= MAX_LOOPED && members.every(isShort)
}

/** Ends as soon as there are more than `most`. */
const charactersOf = (value: JsonValue, most: number): number => {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  let sum = 2
  for (const [name, member] of Object.entries(value)) {
    sum += name.length + charactersOf(member, most)
    if (sum > most) return sum
  }
  return sum
}

const within = ({ loops, once, looped }: Reading, inputs: Inputs): void => {
  if (loops && !Object.values(inputs).every(isShort))
    throw mappingError(`a list in the request has more than ${MAX_LOOPED} members.`)
  const characters = Object.values(inputs).reduce<number>((sum, input) => sum + charactersOf(input, MAX_READ), 0)
  if (loops && characters > MAX_LOOPED_TEXT)
    throw mappingError(
      `it looks at each member of a list, and the request has more than ${MAX_LOOPED_TEXT} characters.`,
    )
  if ((once + looped * MAX_LOOPED) * characters > MAX_READ)
    throw mappingError('the request is too long for what it does with it.')
}

/** > A mapping with no top-level member, more than one, or an envelope key not defined is malformed. */
const envelopeOf = (document: JsonValue): readonly [Mapping['envelope'], JsonObject] => {
  const entries = isObject(document) ? Object.entries(document) : []
  const [first] = entries
  if (entries.length !== 1 || first === undefined || (first[0] !== 'evaluation' && first[0] !== 'evaluations'))
    throw mappingError('a mapping has exactly one member, "evaluation" or "evaluations".')
  if (!isObject(first[1])) throw mappingError(`"${first[0]}" must be an object.`)
  return [first[0], first[1]]
}

const MEMBERS = new Set(['subject', 'action', 'resource', 'context'])

/** A misspelt member would be left out of the question in silence. */
const onlyKnown = (template: JsonObject, more: readonly string[] = []): void => {
  for (const name of Object.keys(template))
    if (!MEMBERS.has(name) && !more.includes(name))
      throw mappingError(`${JSON.stringify(name.slice(0, 64))} is no member of an AuthZEN request.`)
}

const entriesOf = (template: JsonObject): readonly JsonObject[] => {
  const { evaluations } = template
  if (!Array.isArray(evaluations) || evaluations.length === 0 || evaluations.length > MAX_QUESTIONS)
    throw mappingError(`"evaluations" is a list of 1 to ${MAX_QUESTIONS}.`)
  return evaluations.map((entry) => {
    if (!isObject(entry)) throw mappingError('an entry of "evaluations" must be an object.')
    onlyKnown(entry)
    return entry
  })
}

/** AuthZEN 1.0 section 7: an entry's member stands for the default whole. */
const templatesOf = (envelope: Mapping['envelope'], template: JsonObject): readonly JsonObject[] => {
  onlyKnown(template, envelope === 'evaluations' ? ['evaluations'] : [])
  if (envelope === 'evaluation') return [template]
  const { evaluations: _entries, ...defaults } = template
  return entriesOf(template).map((entry) => ({ ...defaults, ...entry }))
}

/** Throws `coaz_mapping_failed`, with a sentence that says what is wrong. */
export const readMapping = (document: JsonValue, read: ExpressionReader): Mapping => {
  const [envelope, template] = envelopeOf(document)
  const reading = new Reading(read)
  const made = templatesOf(envelope, template).map((one) => reading.node(one))
  return {
    envelope,
    questions: (inputs) => {
      within(reading, inputs)
      const spent = madeAtMost(MAX_MADE)
      return made.map((node) => node(inputs, spent) as Question)
    },
  }
}
