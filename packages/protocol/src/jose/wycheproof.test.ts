/** Wycheproof's JWS and JWK vectors through the public functions. */
import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { z } from 'zod'
import { readVectors } from '../testing/vectors.ts'
import { importJwk, isJsonObject, parseCompactJws, parseJwkSet, verifyCompactJws } from './index.ts'

const Vectors = z.object({
  testGroups: z.array(
    z.object({
      comment: z.string(),
      public: z.unknown().optional(),
      private: z.unknown().optional(),
      tests: z.array(
        z.object({
          tcId: z.number(),
          comment: z.string(),
          jws: z.unknown().optional(),
          result: z.enum(['valid', 'invalid', 'acceptable']),
        }),
      ),
    }),
  ),
})

const keyFor = (jwk: unknown, kid: unknown): KeyObject | undefined => {
  if (isJsonObject(jwk) && Array.isArray(jwk.keys)) {
    const keys = parseJwkSet(jwk)
    return (keys.find((key) => key.kid === kid) ?? (keys.length === 1 ? keys[0] : undefined))?.key
  }
  return importJwk(jwk)
}

const accepts = (jwk: unknown, jws: unknown): boolean => {
  if (typeof jws !== 'string') return false
  try {
    const { typ } = parseCompactJws(jws).header
    verifyCompactJws({ token: jws, typ, key: ({ kid }) => keyFor(jwk, kid) })
    return true
  } catch (error) {
    assert.equal(isJsonObject(error) && error.kind, 'refused', String(error))
    return false
  }
}

/**
 * Valid vectors that we refuse, by reason. INVARIANT: there is no list for the other direction: nothing that is invalid
 * is accepted.
 */
const REASONS: readonly [reason: string, applies: (group: string, jwk: unknown) => boolean][] = [
  ['symmetric keys do not verify here', (_group, jwk) => /"oct"|"k"/.test(JSON.stringify(jwk ?? null))],
  ['only ES256, RS256 and EdDSA are spoken', (group) => /384|512|ps256|es256k|ed448/i.test(group)],
  [
    'only P-256 and Ed25519 are accepted as curves',
    (_group, jwk) => /P-384|P-521|secp256k1|Ed448/.test(JSON.stringify(jwk ?? null)),
  ],
  [
    'only ES256, RS256 and EdDSA are spoken',
    (_group, jwk) => /"alg":"(PS|RS384|RS512|ES384|ES512)/.test(JSON.stringify(jwk ?? null)),
  ],
]

for (const file of ['json_web_signature_test.json', 'json_web_key_test.json', 'json_web_crypto_test.json']) {
  const read = readVectors(`wycheproof/${file}`)
  test(`wycheproof ${file}`, { skip: read === undefined ? 'vectors missing' : false }, () => {
    const wrong: string[] = []
    const known = new Map<string, number>()
    let agreed = 0
    for (const group of Vectors.parse(read).testGroups) {
      const jwk = group.public ?? group.private
      for (const { tcId, comment, jws, result } of group.tests) {
        // Encrypted objects are not spoken at all.
        if (jws === undefined) continue
        const accepted = accepts(jwk, jws)
        if (result === 'invalid' && accepted) wrong.push(`${tcId} ${group.comment}: accepted ${comment}`)
        else if (result === 'valid' && !accepted) {
          const reason = REASONS.find(([, applies]) => applies(group.comment, jwk))?.[0]
          if (reason === undefined) wrong.push(`${tcId} ${group.comment}: refused ${comment}`)
          else known.set(reason, (known.get(reason) ?? 0) + 1)
        } else agreed++
      }
    }
    assert.deepEqual(wrong, [])
    assert.ok(agreed > 0)
  })
}
