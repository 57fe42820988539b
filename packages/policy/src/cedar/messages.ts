/** What is said between this thread and the worker that runs cedar-wasm. */

export interface CedarProblem {
  readonly message: string
  readonly help: string | null
  /** What the parser would have liked to see there. */
  readonly label: string | null
  /** Byte offset in the text that was given. */
  readonly start: number
  readonly starts: readonly number[]
}

export interface ReadJob {
  readonly kind: 'read'
  readonly schema: string
  readonly policies: readonly string[]
}

export interface ReadAnswer {
  /** JSON text, undefined when the schema does not parse. */
  readonly schema: string | undefined
  readonly schemaProblems: readonly CedarProblem[]
  readonly policies: readonly {
    /** JSON text of `PolicyJson`. */
    readonly json: string | undefined
    readonly errors: readonly CedarProblem[]
    readonly warnings: readonly CedarProblem[]
  }[]
}

export interface CedarUid {
  readonly type: string
  readonly id: string
}

export interface CedarEntityJson {
  readonly uid: CedarUid
  readonly attrs: { readonly [name: string]: unknown }
  readonly parents: readonly CedarUid[]
}

export interface CedarRequest {
  readonly principal: CedarUid
  readonly action: CedarUid
  readonly resource: CedarUid
  readonly context: { readonly [name: string]: unknown }
  readonly entities: readonly CedarEntityJson[]
}

export interface AuthorizeJob {
  readonly kind: 'authorize'
  readonly slot: string
  /** Present when the slot does not hold this set yet. */
  readonly policies?: Readonly<Record<string, string>>
  readonly request: CedarRequest
}

export interface AuthorizeAnswer {
  readonly allow: boolean
  readonly reasons: readonly string[]
  readonly errors: readonly { readonly policy: string; readonly message: string }[]
}

export type CedarJob = ReadJob | AuthorizeJob

/** `refused`: cedar-wasm answered that it does not take this. `trapped`: it will never answer again. */
export type CedarReply =
  | { readonly ok: true; readonly answer: ReadAnswer | AuthorizeAnswer }
  | { readonly ok: false; readonly trapped: boolean; readonly message: string }
