/**
 * CEL with optional selection, bounded. The one file that knows the library.
 *
 * What an expression may use is a list, so that no expression can be slow: no regular expressions, no loop within a loop,
 * at most one `map`, at most 8 additions (each may copy what it joins), no `cel.bind` (it can double with every use), and
 * a search in a text only for a short literal (for another text of the caller's it could take the product of both).
 * What is left takes time in the length of its inputs, once for each operation, and within a loop once for each member:
 * `work` says so before anything is evaluated, and the mapping has a budget of it.
 */
import type { JsonValue } from '@credence/kit/json'
import { type ASTNode, Environment, Optional } from '@marcbachmann/cel-js'
import { ABSENT, type Expression, type ExpressionReader, type Resolved, type Spent, type Work } from './expression.ts'

const MAX_LENGTH = 1024
const MAX_ADDITIONS = 8
const MAX_LOOPS = 4

/** Each is linear in its argument. */
const FUNCTIONS = new Set(
  'size string int uint double bool dyn has startsWith endsWith lowerAscii upperAscii trim substring or orValue value hasValue optional.of optional.none of none ofNonZeroValue'.split(
    ' ',
  ),
)
/** Each of them looks for its argument. */
const SEARCHES = new Set(['contains', 'indexOf', 'lastIndexOf'])
const MAX_SOUGHT = 64
const LOOPS = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])

/** Takes the same time however long the operands are. */
const INSTANT = new Set(['value', 'id', '.', '.?', '[]', '[?]', 'list', 'map', '?:', '||', '&&', '!_', '-_'])

interface Count {
  additions: number
  loops: number
  maps: number
  /** Operations that read their operands, outside of loops and within. */
  once: number
  looped: number
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value

/** Nodes among the operands, however they are nested in lists. */
const operandsOf = (args: unknown): readonly ASTNode[] => {
  if (isNode(args)) return [args]
  return Array.isArray(args) ? args.flatMap(operandsOf) : []
}

const calledBy = ({ op, args }: ASTNode): string | undefined =>
  (op === 'call' || op === 'rcall') && Array.isArray(args) ? String(args[0]) : undefined

const onlyForShortLiterals = (args: unknown): void => {
  const [, , sought] = Array.isArray(args) ? args : []
  const [text] = Array.isArray(sought) ? sought : []
  if (!isNode(text) || text.op !== 'value' || typeof text.args !== 'string' || text.args.length > MAX_SOUGHT)
    throw new Error('a search for something else than a short literal')
}

const count = (node: ASTNode, counted: Count, inLoop: boolean): void => {
  if (node.op === '+') counted.additions += 1
  const called = calledBy(node)
  const isLoop = node.op === 'rcall' && called !== undefined && LOOPS.has(called)
  if (node.op === 'rcall' && called !== undefined && SEARCHES.has(called)) onlyForShortLiterals(node.args)
  else if (called !== undefined && !isLoop && !FUNCTIONS.has(called))
    throw new Error(`the function ${called} cannot be used in a mapping`)
  if (isLoop) {
    if (inLoop) throw new Error('a loop within a loop')
    counted.loops += 1
    if (called === 'map') counted.maps += 1
  }
  if (!isLoop && !INSTANT.has(node.op)) counted[inLoop ? 'looped' : 'once'] += 1
  const operands = operandsOf(node.args)
  // The first operand of a loop is what it goes over; the others are run for each member.
  for (const [at, operand] of operands.entries()) count(operand, counted, inLoop || (isLoop && at > 0))
}

const check = (ast: ASTNode): Count => {
  const counted: Count = { additions: 0, loops: 0, maps: 0, once: 0, looped: 0 }
  count(ast, counted, false)
  if (counted.additions > MAX_ADDITIONS) throw new Error('too many additions')
  if (counted.loops > MAX_LOOPS || counted.maps > 1) throw new Error('too many loops')
  return counted
}

/** What is joined may be as long as all that it was joined from, and so may a list that a loop goes over. */
const workOf = ({ additions, once, looped }: Count): Work => {
  const longer = additions + 1
  return { once: once * longer, looped: looped * longer * longer }
}

const numberOf = (value: bigint | number): number => {
  const number = Number(value)
  if (!Number.isFinite(number) || (typeof value === 'bigint' && !Number.isSafeInteger(number)))
    throw new Error('a number that JSON cannot say')
  return number
}

const MAX_DEPTH = 32
const MAX_VALUES = 4096
/** Counted for a value that is no text. */
const SHORT = 8

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** > An expression MUST evaluate to a single JSON value. Bytes, times, durations and types are none. */
class ToJson {
  #values = 0
  readonly #spent: Spent

  constructor(spent: Spent) {
    this.#spent = spent
  }

  of(value: unknown, depth = 0): JsonValue {
    this.#values += 1
    if (depth > MAX_DEPTH || this.#values > MAX_VALUES) throw new Error('a value that is too large')
    this.#spent.characters(typeof value === 'string' ? value.length : SHORT)
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
    if (typeof value === 'number' || typeof value === 'bigint') return numberOf(value)
    if (Array.isArray(value)) return value.map((item) => this.of(item, depth + 1))
    if (typeof value !== 'object' || !isPlain(value)) throw new Error('a value that JSON cannot say')
    return this.#members(value, depth)
  }

  #members(value: object, depth: number): JsonValue {
    const members: Record<string, JsonValue> = {}
    for (const [name, member] of Object.entries(value)) {
      if (name === '__proto__') throw new Error('a member that cannot have this name')
      this.#spent.characters(name.length)
      members[name] = this.of(member, depth + 1)
    }
    return members
  }
}

const resolvedOf = (value: unknown, spent: Spent): Resolved => {
  if (!(value instanceof Optional)) return new ToJson(spent).of(value)
  return value.hasValue() ? new ToJson(spent).of(value.value()) : ABSENT
}

/** Reads expressions over these input variables, and no others. */
export const celReader = (variables: readonly string[]): ExpressionReader => {
  const environment = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 256, maxDepth: 24, maxListElements: 64, maxMapEntries: 64, maxCallArguments: 4 },
  })
  for (const name of variables) environment.registerVariable(name, 'map')
  return (text): Expression => {
    if (text.length > MAX_LENGTH) throw new Error('an expression that is too long')
    const parsed = environment.parse(text)
    const counted = check(parsed.ast)
    const checked = parsed.check()
    if (!checked.valid) throw checked.error ?? new Error('types that do not fit')
    return {
      loops: counted.loops > 0,
      work: workOf(counted),
      evaluate: (inputs, spent) => resolvedOf(parsed({ ...inputs }), spent),
    }
  }
}
