/**
 * The newest DPoP nonce of every server, by origin (RFC 9449 section 8.2). An agent has two of these: an authorization
 * server and a resource may share an origin, and their nonces are different ones (section 9).
 */
export interface Nonces {
  get(url: string): string | undefined
  /** Remembers the `DPoP-Nonce` field of an answer. True when it is new to us. */
  learn(url: string, nonce: string | undefined): boolean
}

const MAX_ORIGINS = 256
const MAX_NONCE = 256
/** RFC 9449 section 8.1: NQCHAR. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export const createNonces = (): Nonces => {
  const known = new Map<string, string>()
  return {
    get: (url) => known.get(new URL(url).origin),
    learn: (url, nonce) => {
      if (nonce === undefined || nonce.length > MAX_NONCE || !NONCE.test(nonce)) return false
      const { origin } = new URL(url)
      if (known.get(origin) === nonce) return false
      if (known.size >= MAX_ORIGINS) known.delete(known.keys().next().value as string)
      known.set(origin, nonce)
      return true
    },
  }
}
