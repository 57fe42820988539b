/**
 * One-time things happen once: one primitive with named uses.
 *
 * INVARIANT: for one (use, key), `claim` answers true exactly once until `until`, also for a hundred callers at the
 * same moment on two nodes. A store that cannot answer throws `unavailable`; it never answers true.
 */
export type OnceUse =
  | 'code'
  | 'par'
  | 'client_assertion'
  | 'dpop'
  | 'refresh_token'
  | 'link'
  | 'interaction'
  | 'webauthn_challenge'
  | 'upstream_state'

export interface Once {
  /** `until`: epoch milliseconds after which the key can no longer be presented and may be forgotten. */
  claim(use: OnceUse, key: string, until: number): Promise<boolean>
}
