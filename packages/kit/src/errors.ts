/**
 * Refused, unavailable and bug are three different things, and stay different in type.
 *
 * - `refused`: the caller may not, or sent something wrong. The caller sees it.
 * - `unavailable`: something we depend on does not answer. The operator sees it; the caller is refused.
 * - `bug`: our own fault. Never reported as the client's.
 *
 * INVARIANT: `message` is public and may be sent to anybody; `detail` is private and goes to logs only.
 */
export type ErrorKind = 'refused' | 'unavailable' | 'bug'

export interface ErrorOptions {
  /** HTTP status, when the error leaves by HTTP. Defaults: refused 403, unavailable 503, bug 500. */
  readonly status?: number
  /** The error code of the standard that governs the exchange (`invalid_grant`, `use_dpop_nonce`, ...). */
  readonly standard?: string
  /** For operators only. */
  readonly detail?: string
  readonly cause?: unknown
  /** Header fields that belong to this error (`WWW-Authenticate`, `DPoP-Nonce`, `Retry-After`). */
  readonly headers?: Readonly<Record<string, string>>
}

const RECOGNISED = Symbol.for('credence.error')
const STATUS: Record<ErrorKind, number> = { refused: 403, unavailable: 503, bug: 500 }

/** One error class with a stable `code`; recognised across two copies of the package by a registered symbol. */
export class CredenceError extends Error {
  override readonly name = 'CredenceError'
  readonly kind: ErrorKind
  /** Stable and documented: `token_expired`, `grant_revoked`, ... */
  readonly code: string
  readonly status: number
  readonly standard: string | undefined
  readonly detail: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = code
    this.status = options.status ?? STATUS[kind]
    this.standard = options.standard
    this.detail = options.detail
    this.headers = options.headers ?? {}
    Object.defineProperty(this, RECOGNISED, { value: true })
  }
}

export const refused = (code: string, message: string, options?: ErrorOptions): CredenceError =>
  new CredenceError('refused', code, message, options)

export const unavailable = (code: string, message: string, options?: ErrorOptions): CredenceError =>
  new CredenceError('unavailable', code, message, options)

export const bug = (code: string, detail: string, options?: ErrorOptions): CredenceError =>
  new CredenceError('bug', code, 'Something went wrong on our side; the operator can find it in the log.', {
    ...options,
    detail,
  })

export const isCredenceError = (error: unknown): error is CredenceError =>
  typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[RECOGNISED] === true

/** Anything thrown, as one of the three kinds: what we did not throw ourselves is a bug. */
export const toCredenceError = (error: unknown): CredenceError =>
  isCredenceError(error)
    ? error
    : bug('unexpected', error instanceof Error ? (error.stack ?? error.message) : String(error), { cause: error })
