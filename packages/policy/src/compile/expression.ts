/** One expression of Cedar's JSON form to one closure. */
import { NotCompiled } from './errors.ts'
import { asObject, entityUid, field, type JsonObject, list, text } from './json.ts'
import {
  add,
  asBool,
  asLong,
  asSet,
  asString,
  asUid,
  getAttribute,
  hasAttribute,
  isIn,
  likePattern,
  multiply,
  negate,
  subtract,
} from './operators.ts'
import { type CedarQuestion, CedarRecord, CedarSet, type CedarValue, sameValue } from './values.ts'

export type Evaluate = (question: CedarQuestion) => CedarValue
type Compiler = (body: unknown) => Evaluate

const VARIABLES: Readonly<Record<string, Evaluate>> = {
  principal: (question) => question.principal,
  action: (question) => question.action,
  resource: (question) => question.resource,
  context: (question) => question.context,
}

const literal = (value: unknown): Evaluate => {
  if (typeof value === 'boolean' || typeof value === 'string') return () => value
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new NotCompiled('an integer beyond 2^53')
    return () => value
  }
  const uid = entityUid(value)
  return () => uid
}

const binary =
  (apply: (left: CedarValue, right: CedarValue, question: CedarQuestion) => CedarValue): Compiler =>
  (body) => {
    const left = compileExpression(field(body, 'left'))
    const right = compileExpression(field(body, 'right'))
    return (question) => apply(left(question), right(question), question)
  }

const unary =
  (apply: (value: CedarValue) => CedarValue): Compiler =>
  (body) => {
    const argument = compileExpression(field(body, 'arg'))
    return (question) => apply(argument(question))
  }

const and: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const right = compileExpression(field(body, 'right'))
  return (question) => asBool(left(question)) && asBool(right(question))
}

const or: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const right = compileExpression(field(body, 'right'))
  return (question) => asBool(left(question)) || asBool(right(question))
}

const choose: Compiler = (body) => {
  const condition = compileExpression(field(body, 'if'))
  const yes = compileExpression(field(body, 'then'))
  const no = compileExpression(field(body, 'else'))
  return (question) => (asBool(condition(question)) ? yes(question) : no(question))
}

const attribute: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const name = text(field(body, 'attr'))
  return (question) => getAttribute(question, left(question), name)
}

/** `has a.b.c` is `has a && .a has b && .a.b has c`. */
const has: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const path = field(body, 'attr')
  const names = typeof path === 'string' ? [path] : list(path).map(text)
  const last = names.length - 1
  return (question) => {
    let value = left(question)
    for (const [index, name] of names.entries()) {
      if (!hasAttribute(question, value, name)) return false
      if (index < last) value = getAttribute(question, value, name)
    }
    return true
  }
}

const like: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const literals = ['']
  for (const element of list(field(body, 'pattern'))) {
    if (element === 'Wildcard') literals.push('')
    else literals.push((literals.pop() ?? '') + text(field(element, 'Literal')))
  }
  const matches = likePattern(literals)
  return (question) => matches(asString(left(question)))
}

const isType: Compiler = (body) => {
  const left = compileExpression(field(body, 'left'))
  const type = text(field(body, 'entity_type'))
  const within = field(body, 'in') === undefined ? undefined : compileExpression(field(body, 'in'))
  return (question) => {
    const uid = asUid(left(question))
    return uid.type === type && (within === undefined || isIn(question, uid, within(question)))
  }
}

const setOf: Compiler = (body) => {
  const items = list(body).map(compileExpression)
  return (question) => new CedarSet(items.map((item) => item(question)))
}

const recordOf: Compiler = (body) => {
  const fields = Object.entries(asObject(body)).map(([name, value]) => [name, compileExpression(value)] as const)
  return (question) => new CedarRecord(new Map(fields.map(([name, value]) => [name, value(question)])))
}

const variable: Compiler = (body) => {
  const name = text(body)
  const found = Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined
  if (found === undefined) throw new NotCompiled('an unknown variable')
  return found
}

const everyOf = (left: CedarValue, right: CedarValue): boolean => {
  const all = asSet(left)
  return asSet(right).items.every((item) => all.has(item))
}

const someOf = (left: CedarValue, right: CedarValue): boolean => {
  const all = asSet(left)
  return asSet(right).items.some((item) => all.has(item))
}

/** What stands here is compiled; every other operator sends the set to cedar-wasm. */
const COMPILERS: ReadonlyMap<string, Compiler> = new Map<string, Compiler>([
  ['Value', literal],
  ['Var', variable],
  ['!', unary((value) => !asBool(value))],
  ['neg', unary((value) => negate(asLong(value)))],
  ['==', binary(sameValue)],
  ['!=', binary((left, right) => !sameValue(left, right))],
  ['<', binary((left, right) => asLong(left) < asLong(right))],
  ['<=', binary((left, right) => asLong(left) <= asLong(right))],
  ['>', binary((left, right) => asLong(left) > asLong(right))],
  ['>=', binary((left, right) => asLong(left) >= asLong(right))],
  ['+', binary((left, right) => add(asLong(left), asLong(right)))],
  ['-', binary((left, right) => subtract(asLong(left), asLong(right)))],
  ['*', binary((left, right) => multiply(asLong(left), asLong(right)))],
  ['in', binary((left, right, question) => isIn(question, left, right))],
  ['contains', binary((left, right) => asSet(left).has(right))],
  ['containsAll', binary(everyOf)],
  ['containsAny', binary(someOf)],
  ['isEmpty', unary((value) => asSet(value).items.length === 0)],
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

/** INVARIANT: an expression is an object with exactly one operator; anything else is `NotCompiled`, never guessed. */
export const compileExpression = (expression: unknown): Evaluate => {
  const object: JsonObject = asObject(expression)
  const [operator, ...others] = Object.keys(object)
  if (operator === undefined || others.length > 0) throw new NotCompiled('an unknown form')
  const compiler = COMPILERS.get(operator)
  if (compiler === undefined) throw new NotCompiled(`\`${operator}\``)
  return compiler(object[operator])
}
