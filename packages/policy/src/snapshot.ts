/** A policy set made ready to decide: immutable, with one version. */
import type { Verdict } from './compile/program.ts'
import type { CedarEntity, CedarQuestion } from './compile/values.ts'
import type { ArgumentReader } from './facts/arguments.ts'
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
  /** Exactly as written. */
  readonly text: string
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
  /** `compiled`: closures in this thread; `cedar-wasm`: the set uses what the compiler does not take. */
  readonly engine: 'compiled' | 'cedar-wasm'
  /** Why the compiler did not take it. */
  readonly engineReason?: string
  /** Cedar's answer; at once when compiled. */
  evaluate(question: CedarQuestion, view: PolicyView): Verdict | Promise<Verdict>
  /** Actions of the schema with their groups. */
  readonly actions: ReadonlyMap<string, CedarEntity>
  /** Tool arguments as the schema's `Arguments` declares them. */
  readonly readArguments: ArgumentReader
  /** What a schema declares for entities and actions of its own. */
  readonly declared: Declared
}
