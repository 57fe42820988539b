/** Messages of cedar-wasm to our stable kinds of failure. */
import type { FailureKind } from '../compile/errors.ts'

/** INVARIANT: only what cedar-wasm writes itself is looked at; names from outside stand behind it, or quoted. */
const KINDS: readonly (readonly [RegExp, FailureKind])[] = [
  [/^type error: /, 'type'],
  [/^integer overflow while /, 'overflow'],
  [/^entity `/, 'entity'],
  [/^record does not have the attribute /, 'attribute'],
  [/^`[^"]*"(?:[^"\\]|\\[\s\S])*"` does not have the attribute `/, 'attribute'],
  [/^`[^"]*"(?:[^"\\]|\\[\s\S])*"` does not have the tag `/, 'tag'],
  [/^error while evaluating `/, 'extension'],
  [/^wrong number of arguments provided to extension function /, 'arguments'],
  [/^the expression contains unknown/, 'unknown'],
]

export const kindOf = (message: string): FailureKind => KINDS.find(([pattern]) => pattern.test(message))?.[1] ?? 'other'
