/** A client certificate that is renewed in its files: read again after half a minute, so that what renews them need not know of this process. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Clock } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'

export interface Pem {
  readonly cert: string
  readonly key: string
}
type Closable = SafeFetch & { close(): Promise<void> }

export interface RotatingOptions {
  /** Throws for files that cannot be read. */
  readonly read: () => Pem
  readonly make: (pem: Pem) => Closable
  readonly clock: Pick<Clock, 'monotonic'>
  readonly onRefused: (error: unknown) => void
}

const FRESH_MS = 30_000
/** No answer is waited for longer. */
const ANSWERED_MS = 31_000

/** Half a renewal, the certificate without its key, is not used. */
const belongTogether = ({ cert, key }: Pem): void => {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error('the key is not that of the certificate')
}

/** The first reading must succeed; what cannot be used later is reported, and the certificate from before goes on. */
export const rotatingCertificate = ({ read, make, clock, onRefused }: RotatingOptions): Closable => {
  const first = read()
  let held = { pem: first, fetch: make(first) }
  let looked = clock.monotonic()
  const leaving = new Set<Closable>()
  const retire = (fetch: Closable): void => {
    leaving.add(fetch)
    const end = () => {
      leaving.delete(fetch)
      void fetch.close()
    }
    setTimeout(end, ANSWERED_MS).unref()
  }
  const look = (): void => {
    if (clock.monotonic() - looked <= FRESH_MS) return
    looked = clock.monotonic()
    try {
      const pem = read()
      if (pem.cert === held.pem.cert && pem.key === held.pem.key) return
      belongTogether(pem)
      const before = held.fetch
      held = { pem, fetch: make(pem) }
      retire(before)
    } catch (error) {
      onRefused(error)
    }
  }
  const fetch: SafeFetch = (url, request) => {
    look()
    return held.fetch(url, request)
  }
  const close = async (): Promise<void> => {
    await Promise.all([held.fetch, ...leaving].map((one) => one.close()))
  }
  return Object.assign(fetch, { close })
}
