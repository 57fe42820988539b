/** A policy set made ready to decide: immutable, with one version. */
import type { NamedSet } from './cedar/lane.ts'
import type { CedarEntity, CedarQuestion } from './compile/entities.ts'
import type { Verdict } from './compile/program.ts'
import type { Slots } from './compile/scope.ts'
import type { Demands } from './demands/annotations.ts'
import type { ArgumentReader } from './facts/arguments.ts'
import type { Contexts } from './facts/context.ts'
import type { Declared } from './facts/declared.ts'
import type { PolicySource } from './source.ts'

/** Who wrote a policy: system policies ship with the package and are part of every set. */
export type PolicyOrigin = 'system' | 'user'

export interface PolicyInfo {
  /** `@id("...")`, otherwise file name and running number. System policies begin with `system.`. */
  readonly id: string
  readonly origin: PolicyOrigin
  readonly effect: 'permit' | 'forbid'
  readonly file: string
  readonly line: number
  /** Exactly as written; of a linked policy the text of its template. */
  readonly text: string
  /** Of a linked policy: the id of its template, and what stands in the slots. */
  readonly template?: string
  readonly slots?: Slots
  /** It permits only after a person was asked (`@ask`). */
  readonly asks?: boolean
}

/** A policy that the compiler does not take, and why. cedar-wasm evaluates it, and no other. */
export interface EnginePolicy {
  readonly policy: string
  readonly reason: string
}

/**
 * `everything`: all policies. `authority`: all but the permits of users, so that a permit of a user cannot open the
 * administration: it is not there.
 */
export type PolicyView = 'everything' | 'authority'

export interface PolicySnapshot {
  /** SHA-256 (base64url) over the canonical content, built-in part included. */
  readonly version: string
  readonly source: PolicySource
  readonly policies: readonly PolicyInfo[]
  /** `compiled`: closures in this thread; `mixed`: some policies are evaluated by cedar-wasm. */
  readonly engine: 'compiled' | 'mixed'
  readonly inEngine: readonly EnginePolicy[]
  /** Cedar's answer; at once unless the question reaches a policy that only cedar-wasm evaluates. */
  evaluate(question: CedarQuestion, view: PolicyView): Verdict | Promise<Verdict>
  /** How many policies' conditions this question reaches: what a decision costs. */
  candidates(question: CedarQuestion, view: PolicyView): number
  /** The same policies for cedar-wasm alone, which says what is right. */
  oracle(view: PolicyView): NamedSet
  /** Actions of the schema with their groups. */
  readonly actions: ReadonlyMap<string, CedarEntity>
  /** Tool arguments as the schema's `Arguments` declares them. */
  readonly readArguments: ArgumentReader
  /** What policies demand beside their yes or no; those that demand nothing are not in it. */
  readonly demands: ReadonlyMap<string, Demands>
  /** Contexts with what these policies read, and nothing beyond that is dear to make. */
  readonly contexts: Contexts
  /** What a schema declares for entities and actions of its own. */
  readonly declared: Declared
}
