/**
 * A condition as a tree of what joins and what is joined. How `&&`, `||`, `!` and `if` join is said here a second time;
 * what a single test means is said by the compiler alone.
 */
import { compileExpression } from '../../compile/expression.ts'
import { asObject, field } from '../../compile/json.ts'
import { booleanOf, type Evaluate } from '../../compile/node.ts'
import { branches, negated, type Span, sides } from './spans.ts'

export type Tree =
  | { readonly kind: 'and' | 'or'; readonly left: Tree; readonly right: Tree; readonly span: Span }
  | { readonly kind: 'not'; readonly arg: Tree; readonly span: Span }
  | { readonly kind: 'if'; readonly test: Tree; readonly yes: Tree; readonly no: Tree; readonly span: Span }
  | { readonly kind: 'test'; readonly run: Evaluate<boolean>; readonly json: unknown; readonly span: Span }

const JOINS = [
  ['&&', 'and'],
  ['||', 'or'],
] as const

const joined = (json: unknown, span: Span): Tree | undefined => {
  for (const [operator, kind] of JOINS) {
    const body = field(json, operator)
    if (body === undefined) continue
    const [left, right] = sides(span, operator) ?? [span, span]
    return { kind, left: treeOf(field(body, 'left'), left), right: treeOf(field(body, 'right'), right), span }
  }
  return undefined
}

/** Throws `NotCompiled` for what only cedar-wasm evaluates. Where a place is not found, the larger part's place stands. */
export const treeOf = (json: unknown, span: Span): Tree => {
  const join = joined(asObject(json), span)
  if (join !== undefined) return join
  const not = field(json, '!')
  if (not !== undefined) return { kind: 'not', arg: treeOf(field(not, 'arg'), negated(span) ?? span), span }
  const choice = field(json, 'if-then-else')
  if (choice !== undefined) {
    const [test, yes, no] = branches(span) ?? [span, span, span]
    return {
      kind: 'if',
      test: treeOf(field(choice, 'if'), test),
      yes: treeOf(field(choice, 'then'), yes),
      no: treeOf(field(choice, 'else'), no),
      span,
    }
  }
  return { kind: 'test', run: booleanOf(compileExpression(json)), json, span }
}

/** What must hold, each for itself: `a && b`, and `a || b` where neither may hold. */
export const splitTree = (tree: Tree, kind: 'and' | 'or'): readonly Tree[] =>
  tree.kind === kind ? [...splitTree(tree.left, kind), ...splitTree(tree.right, kind)] : [tree]
