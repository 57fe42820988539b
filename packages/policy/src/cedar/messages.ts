/** What is said between this thread and the worker that runs cedar-wasm. */
import type { FailureKind } from '../compile/errors.ts'

export interface CedarProblem {
  readonly message: string
  readonly help: string | null
  /** What the parser would have liked to see there. */
  readonly label: string | null
  /** Byte offset in the text that was given. */
  readonly start: number
  readonly starts: readonly number[]
}

export interface CedarUid {
  readonly type: string
  readonly id: string
}

/** A slot without an entity is left out. */
export type SlotValues = { readonly [slot in '?principal' | '?resource']?: CedarUid }

export interface ReadJob {
  readonly kind: 'read'
  readonly schema: string
  /** Policies and templates: what has a slot is a template. */
  readonly policies: readonly string[]
  readonly links?: readonly {
    /** Position among the policies. */
    readonly template: number
    readonly values: SlotValues
  }[]
}

export interface FoundProblems {
  readonly errors: readonly CedarProblem[]
  readonly warnings: readonly CedarProblem[]
}

export interface FoundPolicy extends FoundProblems {
  /** JSON text of `PolicyJson`; integers beyond 2^53 stand in it as `{"Value":{"__long":"..."}}`. */
  readonly json: string | undefined
}

export interface ReadAnswer {
  /** JSON text, undefined when the schema does not parse. */
  readonly schema: string | undefined
  readonly schemaProblems: readonly CedarProblem[]
  readonly policies: readonly FoundPolicy[]
  readonly links?: readonly FoundProblems[]
}

export interface CedarEntityJson {
  readonly uid: CedarUid
  readonly attrs: { readonly [name: string]: unknown }
  readonly parents: readonly CedarUid[]
  readonly tags: { readonly [name: string]: unknown }
}

export interface CedarRequest {
  readonly principal: CedarUid
  readonly action: CedarUid
  readonly resource: CedarUid
  readonly context: { readonly [name: string]: unknown }
  readonly entities: readonly CedarEntityJson[]
}

/** Texts by id. */
export interface PolicyTexts {
  readonly policies: Readonly<Record<string, string>>
  readonly templates?: Readonly<Record<string, string>>
  readonly links?: readonly { readonly templateId: string; readonly newId: string; readonly values: SlotValues }[]
}

export interface AuthorizeJob {
  readonly kind: 'authorize'
  readonly slot: string
  /** Present when the slot does not hold this set yet. */
  readonly set?: PolicyTexts
  /** JSON text of a `CedarRequest`. */
  readonly request: string
}

export interface AuthorizeAnswer {
  readonly allow: boolean
  readonly reasons: readonly string[]
  readonly errors: readonly { readonly policy: string; readonly kind: FailureKind; readonly message: string }[]
}

export type CedarJob = ReadJob | AuthorizeJob

/** `refused`: cedar-wasm answered that it does not take this. `trapped`: it will never answer again. */
export type CedarReply =
  | { readonly ok: true; readonly answer: ReadAnswer | AuthorizeAnswer }
  | { readonly ok: false; readonly trapped: boolean; readonly message: string }
