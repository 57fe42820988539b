/** One expression of Cedar's JSON form to one closure. */
import { attributeOf, hasAttribute } from './attributes.ts'
import { callNode } from './calls.ts'
import type { VariableIndex } from './entities.ts'
import { NotCompiled } from './errors.ts'
import { asObject, entityUid, field, type JsonObject, list, text } from './json.ts'
import { likePattern } from './like.ts'
import { add, multiply, negate, subtract, toLong } from './longs.ts'
import {
  askedOf,
  asksOf,
  booleanNode,
  booleanOf,
  constantNode,
  type Evaluate,
  type Form,
  fold,
  formOf,
  formOfBoolean,
  type Node,
  negated,
  neverFails,
  node,
  PRINCIPAL,
  RESOURCE,
} from './node.ts'
import {
  asLong,
  asSet,
  asString,
  asUid,
  comparable,
  containsAll,
  containsAny,
  getTag,
  hasTag,
  isIn,
  isWithin,
} from './operators.ts'
import { Pool } from './pool.ts'
import { CedarRecord, CedarSet, type CedarValue, type Long, sameValue, Uid } from './values.ts'

type Compiler = (body: unknown) => Node

const VARIABLES: readonly string[] = ['principal', 'action', 'resource', 'context']

/** `__long` stands for a literal that JSON cannot carry; the reader puts it there. */
const literalValue = (value: unknown): CedarValue => {
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new NotCompiled('an integer that was rounded')
    return value + 0
  }
  const digits = field(value, '__long')
  if (digits === undefined) return entityUid(value)
  const long = toLong(BigInt(text(digits)))
  if (long === undefined) throw new NotCompiled('an integer beyond 64 bits')
  return long
}

const literal: Compiler = (value) => constantNode(literalValue(value))

const variableNode = (variable: VariableIndex, run: Evaluate): Node => ({
  run,
  boolean: false,
  variable,
  asks: askedOf(variable),
  total: true,
  path: { variable, names: [], optional: [] },
})

const variable: Compiler = (body) => {
  const index = VARIABLES.indexOf(text(body))
  if (index === 3) return variableNode(3, (question) => question.context)
  if (index === 0) return variableNode(0, (question) => question.principal)
  if (index === 1) return variableNode(1, (question) => question.action)
  if (index === 2) return variableNode(2, (question) => question.resource)
  throw new NotCompiled('an unknown variable')
}

const sides = (body: unknown): readonly [Node, Node] => [
  compileExpression(field(body, 'left')),
  compileExpression(field(body, 'right')),
]

/** Cedar evaluates both sides, from left to right, before it looks at their types. */
const binary =
  (apply: (left: CedarValue, right: CedarValue) => CedarValue): Compiler =>
  (body) => {
    const [left, right] = sides(body)
    return fold(
      node((question) => apply(left.run(question), right.run(question))),
      [left, right],
    )
  }

const test =
  (apply: (left: CedarValue, right: CedarValue) => boolean): Compiler =>
  (body) => ({ ...binary(apply)(body), boolean: true })

const arithmetic = (apply: (a: Long, b: Long) => Long): Compiler =>
  binary((a, b) => {
    const left = asLong(a)
    return apply(left, asLong(b))
  })

const unary =
  (apply: (value: CedarValue) => CedarValue, boolean = false): Compiler =>
  (body) => {
    const argument = compileExpression(field(body, 'arg'))
    const { run } = argument
    return fold({ run: (question) => apply(run(question)), boolean }, [argument])
  }

const not: Compiler = (body) => {
  const argument = compileExpression(field(body, 'arg'))
  const run = booleanOf(argument)
  const form = negated(formOfBoolean(argument))
  return fold({ run: (question) => !run(question), boolean: true, ...(form === undefined ? {} : { form }) }, [argument])
}

/** Equality with something that does not change needs no look at the other's type, unless it is made of parts. */
const equalTo = (constant: CedarValue, { run }: Node): Evaluate<boolean> => {
  if (typeof constant !== 'object') return (question) => run(question) === constant
  if (!(constant instanceof Uid)) return (question) => sameValue(constant, run(question))
  const { key } = constant
  return (question) => {
    const value = run(question)
    return value instanceof Uid && value.key === key
  }
}

interface Equality {
  readonly run: Evaluate<boolean>
  readonly parts: readonly Node[]
  readonly form: Form | undefined
}

const equality = (body: unknown): Equality => {
  const [left, right] = sides(body)
  const parts = [left, right]
  const constant = right.constant ?? left.constant
  if (constant === undefined) {
    return { run: (question) => sameValue(left.run(question), right.run(question)), parts, form: undefined }
  }
  const operand = right.constant === undefined ? right : left
  const run = equalTo(constant, operand)
  if (typeof constant !== 'object') return { run, parts, form: formOf('==', operand, constant) }
  return { run, parts, form: formOf('if', operand, false, (value) => sameValue(constant, value), 'anything') }
}

const equal: Compiler = (body) => {
  const { run, parts, form } = equality(body)
  return fold({ run, boolean: true, ...(form === undefined ? {} : { form }) }, parts)
}

const unequal: Compiler = (body) => {
  const { run, parts, form } = equality(body)
  const other = negated(form)
  return fold(
    { run: (question) => !run(question), boolean: true, ...(other === undefined ? {} : { form: other }) },
    parts,
  )
}

/** A number on the right, as in most policies, is compared without looking for anything else. */
const comparison =
  (name: '<' | '<=' | '>' | '>=', compare: (a: Long, b: Long) => boolean): Compiler =>
  (body) => {
    const [left, right] = sides(body)
    const limit = right.constant
    if (typeof limit !== 'number') {
      return fold(
        booleanNode((question) => comparable(left.run(question), right.run(question), compare)),
        [left, right],
      )
    }
    const holds = (value: CedarValue): boolean =>
      typeof value === 'number' ? compare(value, limit) : comparable(value, limit, compare)
    const form = formOf(name, left, limit, holds, 'long')
    return fold({ run: (question) => holds(left.run(question)), boolean: true, form }, [left, right])
  }

/** Cedar leaves the right side alone when the left one decides, and wants a boolean of each side that it evaluates. */
const both =
  (join: (left: Evaluate<boolean>, right: Evaluate<boolean>) => Evaluate<boolean>): Compiler =>
  (body) => {
    const parts = sides(body)
    const [left, right] = parts.map(booleanOf) as [Evaluate<boolean>, Evaluate<boolean>]
    return { ...booleanNode(join(left, right)), asks: asksOf(parts), total: parts.every(neverFails) }
  }

const and = both((left, right) => (question) => left(question) && right(question))
const or = both((left, right) => (question) => left(question) || right(question))

const choose: Compiler = (body) => {
  const asked = compileExpression(field(body, 'if'))
  const condition = booleanOf(asked)
  const yes = compileExpression(field(body, 'then'))
  const no = compileExpression(field(body, 'else'))
  const run: Evaluate = (question) => (condition(question) ? yes.run(question) : no.run(question))
  return { run, boolean: yes.boolean && no.boolean, asks: asksOf([asked, yes, no]) }
}

const attribute: Compiler = (body) => attributeOf(compileExpression(field(body, 'left')), text(field(body, 'attr')))

const has: Compiler = (body) => hasAttribute(compileExpression(field(body, 'left')), body)

const like: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const literals = ['']
  for (const element of list(field(body, 'pattern'))) {
    if (element === 'Wildcard') literals.push('')
    else literals.push((literals.pop() ?? '') + text(field(element, 'Literal')))
  }
  const matches = likePattern(literals)
  const holds = (value: CedarValue): boolean => matches(asString(value))
  const form = formOf('if', left, false, holds, 'string')
  return fold({ run: (question) => holds(left.run(question)), boolean: true, form }, [left])
}

const tag =
  (apply: typeof getTag | typeof hasTag, boolean: boolean): Compiler =>
  (body) => {
    const [left, right] = sides(body)
    return { run: (question) => apply(left.run(question), right.run(question), question), boolean }
  }

/** `principal in Group::"x"` and its like, without looking for the entity again. */
const within: Compiler = (body) => {
  const [left, right] = sides(body)
  const target = right.constant
  if (target instanceof Uid && left.variable === 0) {
    return {
      ...booleanNode((question) => isWithin(question.principalEntity, question.principal, target.key)),
      asks: PRINCIPAL,
      total: true,
    }
  }
  if (target instanceof Uid && left.variable === 2) {
    return {
      ...booleanNode((question) => isWithin(question.resourceEntity, question.resource, target.key)),
      asks: RESOURCE,
      total: true,
    }
  }
  return booleanNode((question) => isIn(left.run(question), right.run(question), question))
}

const isType: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const type = text(field(body, 'entity_type'))
  if (field(body, 'in') === undefined) {
    const run: Evaluate<boolean> = (question) => asUid(left.run(question)).type === type
    return { ...booleanNode(run), asks: asksOf([left]), total: left.variable !== undefined && left.variable !== 3 }
  }
  const above = compileExpression(field(body, 'in'))
  return booleanNode((question) => {
    const uid = asUid(left.run(question))
    return uid.type === type && isIn(uid, above.run(question), question)
  })
}

const containing = (left: Node, value: CedarValue): Form => {
  const holds = (set: CedarValue): boolean => asSet(set).has(value)
  return typeof value === 'object'
    ? formOf('if', left, false, holds, 'set')
    : formOf('contains', left, value, holds, 'set')
}

const contains: Compiler = (body) => {
  const [left, right] = sides(body)
  const all = left.constant
  const value = right.constant
  const form =
    all instanceof CedarSet
      ? formOf('if', right, false, (item) => all.has(item), 'anything')
      : value !== undefined
        ? containing(left, value)
        : undefined
  const run: Evaluate<boolean> = (question) => {
    const set = left.run(question)
    const item = right.run(question)
    return asSet(set).has(item)
  }
  return fold({ run, boolean: true, ...(form === undefined ? {} : { form }) }, [left, right])
}

const setOf: Compiler = (body) => {
  const items = list(body).map(compileExpression)
  return fold(
    node((question) => new CedarSet(items.map((item) => item.run(question)))),
    items,
  )
}

/** Cedar evaluates fields in the order of their names' bytes, which shows when two of them fail. */
const recordOf: Compiler = (body) => {
  const object = asObject(body)
  const names = Object.keys(object).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const fields = names.map((name) => [name, compileExpression(object[name])] as const)
  return fold(
    node((question) => CedarRecord.of(fields.map(([name, { run }]) => [name, run(question)]))),
    fields.map(([, value]) => value),
  )
}

const COMPILERS: ReadonlyMap<string, Compiler> = new Map<string, Compiler>([
  ['Value', literal],
  ['Var', variable],
  ['!', not],
  ['neg', unary((value) => negate(asLong(value)))],
  ['==', equal],
  ['!=', unequal],
  ['<', comparison('<', (a, b) => a < b)],
  ['<=', comparison('<=', (a, b) => a <= b)],
  ['>', comparison('>', (a, b) => a > b)],
  ['>=', comparison('>=', (a, b) => a >= b)],
  ['+', arithmetic(add)],
  ['-', arithmetic(subtract)],
  ['*', arithmetic(multiply)],
  ['in', within],
  ['contains', contains],
  ['containsAll', test(containsAll)],
  ['containsAny', test(containsAny)],
  ['isEmpty', unary((value) => asSet(value).items.length === 0, true)],
  ['getTag', tag(getTag, false)],
  ['hasTag', tag(hasTag, true)],
  ['&&', and],
  ['||', or],
  ['if-then-else', choose],
  ['.', attribute],
  ['has', has],
  ['like', like],
  ['is', isType],
  ['Set', setOf],
  ['Record', recordOf],
])

export const OPERATORS: readonly string[] = [...COMPILERS.keys()]

const pool = new Pool<Node>()

/** Closures hold no state that a question could see, so equal expressions of all sets share one. */
export const compileExpression = (expression: unknown): Node => pool.get(expression, () => compileFresh(expression))

/** INVARIANT: an expression is an object with exactly one operator; anything else is `NotCompiled`, never guessed. */
const compileFresh = (expression: unknown): Node => {
  const object: JsonObject = asObject(expression)
  const [operator, ...others] = Object.keys(object)
  if (operator === undefined || others.length > 0) throw new NotCompiled('an unknown form')
  const compiler = COMPILERS.get(operator)
  if (compiler !== undefined) return compiler(object[operator])
  return callNode(operator, list(object[operator]).map(compileExpression))
}
