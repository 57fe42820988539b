/** Does a condition hold, as far as is known? */
import type { CedarQuestion } from '../../compile/entities.ts'
import { EvaluationFailure } from '../../compile/errors.ts'
import type { Tree } from './tree.ts'

/** `unknown`: it reads what nobody recorded, and may hold, not hold or fail. */
export type Truth = 'yes' | 'no' | 'unknown' | EvaluationFailure

/** Members of the context of which nothing is known. */
export type Unknowns = ReadonlySet<string>

export const NOTHING_UNKNOWN: Unknowns = new Set()

type Json = { readonly [name: string]: unknown }
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null

const isContext = (value: unknown): boolean => isJson(value) && value.Var === 'context'

const firstName = (body: Json): unknown => (Array.isArray(body.attr) ? body.attr[0] : body.attr)

/** Does the expression read one of them? The context as a whole reads all. */
export const readsUnknown = (json: unknown, unknowns: Unknowns): boolean => {
  if (!isJson(json) || unknowns.size === 0) return false
  if (isContext(json)) return true
  for (const operator of ['.', 'has']) {
    const body = json[operator]
    if (isJson(body) && isContext(body.left)) return unknowns.has(String(firstName(body)))
  }
  return Object.values(json).some((inner) => readsUnknown(inner, unknowns))
}

const testTruth = (tree: Tree & { kind: 'test' }, question: CedarQuestion, unknowns: Unknowns): Truth => {
  if (readsUnknown(tree.json, unknowns)) return 'unknown'
  try {
    return tree.run(question) ? 'yes' : 'no'
  } catch (error) {
    if (error instanceof EvaluationFailure) return error
    throw error
  }
}

export const negate = (truth: Truth): Truth => (truth === 'yes' ? 'no' : truth === 'no' ? 'yes' : truth)

/** As Cedar joins: the right side counts only where the left one does not decide, and a failure is the answer. */
export const truthOf = (tree: Tree, question: CedarQuestion, unknowns: Unknowns): Truth => {
  if (tree.kind === 'test') return testTruth(tree, question, unknowns)
  if (tree.kind === 'not') return negate(truthOf(tree.arg, question, unknowns))
  if (tree.kind === 'if') {
    const test = truthOf(tree.test, question, unknowns)
    if (test === 'yes') return truthOf(tree.yes, question, unknowns)
    return test === 'no' ? truthOf(tree.no, question, unknowns) : test
  }
  const left = truthOf(tree.left, question, unknowns)
  return left === (tree.kind === 'and' ? 'yes' : 'no') ? truthOf(tree.right, question, unknowns) : left
}
