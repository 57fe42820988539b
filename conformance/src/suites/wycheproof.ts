/** Wycheproof's JWS and JWK vectors through the public functions. Encrypted objects are not spoken, so not counted. */
import type { KeyObject } from 'node:crypto'
import { importJwk, isJsonObject, parseCompactJws, parseJwkSet, verifyCompactJws } from '@credence/protocol/jose'
import type { Suite } from '../suite.ts'
import { readVector, vectorSuite } from '../vectors.ts'

interface Vectors {
  readonly testGroups: readonly {
    readonly comment: string
    readonly public?: unknown
    readonly private?: unknown
    readonly tests: readonly {
      readonly tcId: number
      readonly comment: string
      readonly jws?: unknown
      readonly result: 'valid' | 'invalid' | 'acceptable'
    }[]
  }[]
}

const FILES = ['json_web_signature_test', 'json_web_key_test', 'json_web_crypto_test']

const keyFor = (jwk: unknown, kid: unknown): KeyObject | undefined => {
  if (!isJsonObject(jwk) || !Array.isArray(jwk.keys)) return importJwk(jwk)
  const keys = parseJwkSet(jwk)
  return (keys.find((key) => key.kid === kid) ?? (keys.length === 1 ? keys[0] : undefined))?.key
}

const accepts = (jwk: unknown, jws: unknown): boolean => {
  if (typeof jws !== 'string') return false
  try {
    const { typ } = parseCompactJws(jws).header
    verifyCompactJws({ token: jws, typ, key: ({ kid }) => keyFor(jwk, kid) })
    return true
  } catch {
    return false
  }
}

export const wycheproof: Suite = vectorSuite(
  {
    name: 'wycheproof',
    about: 'Wycheproof vectors: signatures and keys',
    run: async (report) => {
      for (const file of FILES) {
        for (const group of (JSON.parse(readVector(`wycheproof/${file}.json`)) as Vectors).testGroups) {
          const jwk = group.public ?? group.private
          for (const { tcId, jws, result, comment } of group.tests) {
            if (jws === undefined || result === 'acceptable') continue
            const accepted = accepts(jwk, jws)
            const detail = `${accepted ? 'accepted' : 'refused'}, though ${result}: ${group.comment}, ${comment}`
            report({ name: `${file}/${tcId}`, ok: accepted === (result === 'valid'), detail })
          }
        }
      }
    },
  },
  'wycheproof/',
)
