/**
 * Secrets at rest: AES-256-GCM under a key-encryption key that is not in the store.
 *
 * INVARIANT: the additional data binds domain, table and id, so that two sealed values cannot be swapped.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { type Random, unavailable } from '@credence/kit'

const VERSION = 1
const NONCE = 12
const TAG = 16

export interface Sealer {
  seal(plain: Uint8Array, domain: string, id: string): Uint8Array
  open(sealed: Uint8Array, domain: string, id: string): Uint8Array
}

const additional = (domain: string, id: string): Buffer => Buffer.from(JSON.stringify(['credence.seal.v1', domain, id]))

export const makeSealer = (key: Uint8Array, random: Random): Sealer => {
  if (key.length !== 32) throw unavailable('kek_invalid', 'The key-encryption key must have 32 bytes.')
  return {
    seal: (plain, domain, id) => {
      const nonce = random.bytes(NONCE)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(additional(domain, id))
      const body = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body])
    },
    open: (sealed, domain, id) => {
      const bytes = Buffer.from(sealed)
      if (bytes.length < 1 + NONCE + TAG || bytes[0] !== VERSION) throw unsealable(id)
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + NONCE), { authTagLength: TAG })
      decipher.setAAD(additional(domain, id)).setAuthTag(bytes.subarray(1 + NONCE, 1 + NONCE + TAG))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE + TAG)), decipher.final()])
      } catch (cause) {
        throw unsealable(id, cause)
      }
    },
  }
}

const unsealable = (id: string, cause?: unknown) =>
  unavailable(
    'unsealable',
    'A stored secret cannot be opened: wrong key-encryption key, or the store was altered. All nodes of a domain need the same key (CREDENCE_KEY_ENCRYPTION_KEY, or the file kek of the first).',
    { detail: `sealed value ${id}`, cause },
  )
