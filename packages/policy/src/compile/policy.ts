/** One policy to its scope and what must be true, one after the other. */
import { NotCompiled } from './errors.ts'
import { compileExpression } from './expression.ts'
import { field, list } from './json.ts'
import {
  ANYTHING,
  asksOf,
  booleanOf,
  type Evaluate,
  type Form,
  formOfBoolean,
  guardedBy,
  type Node,
  negated,
  neverFails,
  speaksOf,
} from './node.ts'
import { Pool } from './pool.ts'
import { type ActionScope, type EntityScope, readActionScope, readEntityScope, type Slots } from './scope.ts'

/** One thing that must be true. Equal ones are one object, so that a program evaluates them once for a question. */
export interface Conjunct {
  readonly run: Evaluate<boolean>
  readonly form: Form | undefined
  /** Where it came from, when it is `has`. */
  readonly guard: Node | undefined
  /** Bits of what it looks at. */
  readonly asks: number
  /** It never fails. */
  readonly total: boolean
}

export interface CompiledBody {
  /** In the order in which Cedar evaluates them; the first that is false or fails ends it. */
  readonly conjuncts: readonly Conjunct[]
  /** Why the compiler did not take the conditions: cedar-wasm evaluates this policy. */
  readonly engine: string | undefined
}

export interface CompiledPolicy extends CompiledBody {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly principal: EntityScope
  readonly action: ActionScope
  readonly resource: EntityScope
}

const wanted = new Pool<Conjunct>()
const unwanted = new Pool<Conjunct>()

const traitsOf = (made: Node): Pick<Conjunct, 'asks' | 'total'> => ({
  asks: made.asks ?? ANYTHING,
  total: neverFails(made),
})

const holds = (body: unknown): Conjunct =>
  wanted.get(body, () => {
    const made = compileExpression(body)
    const guard = made.guard === true ? made : undefined
    return { run: booleanOf(made), form: formOfBoolean(made), guard, ...traitsOf(made) }
  })

const fails = (body: unknown): Conjunct =>
  unwanted.get(body, () => {
    const made = compileExpression(body)
    const run = booleanOf(made)
    const form = negated(formOfBoolean(made))
    return { run: (question) => !run(question), form, guard: undefined, ...traitsOf(made) }
  })

/** `a && b && c` is three conjuncts: evaluation from left to right, with the same end, whatever the brackets. */
const split = (body: unknown, into: Conjunct[]): void => {
  const both = field(body, '&&')
  if (both === undefined) {
    into.push(holds(body))
    return
  }
  split(field(both, 'left'), into)
  split(field(both, 'right'), into)
}

const conjunctsOf = (clauses: readonly unknown[]): Conjunct[] => {
  const found: Conjunct[] = []
  for (const clause of clauses) {
    const body = field(clause, 'body')
    if (field(clause, 'kind') === 'when') split(body, found)
    else found.push(fails(body))
  }
  return withGuards(found)
}

const guardedConjuncts = new WeakMap<Form['operand'], Map<Conjunct, Conjunct>>()

/** Equal guards before equal conjuncts are one object again. */
const oneGuarded = (guards: readonly Node[], conjunct: Conjunct, form: Form): Conjunct => {
  const made = guardedBy(guards, form)
  const known = guardedConjuncts.get(made.operand) ?? new Map<Conjunct, Conjunct>()
  guardedConjuncts.set(made.operand, known)
  const asks = asksOf([...guards, form.operand])
  const same = known.get(conjunct) ?? { run: conjunct.run, form: made, guard: undefined, asks, total: false }
  known.set(conjunct, same)
  return same
}

/** Of a value that is not read by names alone those right before it. */
const guardsOf = (operand: Node, earlier: readonly Node[], guards: readonly Node[]): readonly Node[] =>
  operand.path === undefined ? guards : [...earlier, ...guards].filter((guard) => speaksOf(guard, operand))

/**
 * Conjuncts with the guards that stand before them. A guard that was looked at further up still holds here, so a value
 * that it speaks of is guarded by it again: it is then absent instead of failing, wherever it is read.
 */
const withGuards = (conjuncts: readonly Conjunct[]): Conjunct[] => {
  const found: Conjunct[] = []
  const earlier: Node[] = []
  let open: Conjunct[] = []
  for (const conjunct of conjuncts) {
    if (conjunct.guard !== undefined) {
      open.push(conjunct)
      continue
    }
    const { form } = conjunct
    const guards = open.flatMap(({ guard }) => guard ?? [])
    const before = form === undefined ? [] : guardsOf(form.operand, earlier, guards)
    // What does not guard this value guards what comes later.
    if (!guards.every((guard) => before.includes(guard))) found.push(...open)
    found.push(form === undefined || before.length === 0 ? conjunct : oneGuarded(before, conjunct, form))
    earlier.push(...guards)
    open = []
  }
  return [...found, ...open]
}

/** Conditions hold no slots, so a template is compiled once for all its links. */
export const compileBody = (json: unknown): CompiledBody => {
  try {
    return { conjuncts: conjunctsOf(list(field(json, 'conditions'))), engine: undefined }
  } catch (error) {
    if (!(error instanceof NotCompiled)) throw error
    return { conjuncts: [], engine: error.message }
  }
}

export const compilePolicy = (
  id: string,
  effect: 'permit' | 'forbid',
  json: unknown,
  slots: Slots = {},
  body: CompiledBody = compileBody(json),
): CompiledPolicy => ({
  id,
  effect,
  principal: readEntityScope(field(json, 'principal'), slots),
  action: readActionScope(field(json, 'action')),
  resource: readEntityScope(field(json, 'resource'), slots),
  conjuncts: body.conjuncts,
  engine: body.engine,
})
