/** One policy to its scope and one closure. */
import { NotCompiled } from './errors.ts'
import { compileExpression } from './expression.ts'
import { field, list } from './json.ts'
import { booleanOf, type Evaluate } from './node.ts'
import { type ActionScope, type EntityScope, readActionScope, readEntityScope, type Slots } from './scope.ts'

/** All conditions as one; undefined: there is none. */
export type Condition = Evaluate<boolean> | undefined

export interface CompiledBody {
  readonly condition: Condition
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

const clauseOf = (clause: unknown): Evaluate<boolean> => {
  const body = booleanOf(compileExpression(field(clause, 'body')))
  return field(clause, 'kind') === 'when' ? body : (question) => !body(question)
}

const every = (clauses: readonly Evaluate<boolean>[]): Condition =>
  clauses.reduce<Condition>(
    (before, clause) => (before === undefined ? clause : (question) => before(question) && clause(question)),
    undefined,
  )

/** Conditions hold no slots, so a template is compiled once for all its links. */
export const compileBody = (json: unknown): CompiledBody => {
  try {
    return { condition: every(list(field(json, 'conditions')).map(clauseOf)), engine: undefined }
  } catch (error) {
    if (!(error instanceof NotCompiled)) throw error
    return { condition: undefined, engine: error.message }
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
  condition: body.condition,
  engine: body.engine,
})
