import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { cases } from '@credence/kit/testing'
import fc from 'fast-check'
import { calculateJwkThumbprint, compactVerify, importJWK, SignJWT } from 'jose'
import {
  canonicalJwk,
  createJwkSet,
  importJwk,
  parseCompactJws,
  parseJwkSet,
  publicJwkOf,
  signCompactJws,
  signerOf,
  signJws,
  thumbprint,
  verifyCompactJws,
  verifyJwt,
} from './index.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const b64 = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url')

/** A token with any header at all, signed properly over whatever stands there. */
const forge = (header: object | string, payload: string = '{"a":1}', key: KeyObject = ec.privateKey): string => {
  const head = b64(typeof header === 'string' ? header : JSON.stringify(header))
  const signed = signCompactJws(key, {}, Buffer.from(payload)).split('.')
  // Sign again over the wanted header by using the signer on the raw input.
  const input = Buffer.from(`${head}.${signed[1]}`)
  const signature = signerOf(key).sign(input)
  assert.ok(signature instanceof Uint8Array)
  return `${input}.${b64(signature)}`
}

const refusedWith = (code: string, run: () => unknown): void => {
  assert.throws(run, (error: { code?: string; kind?: string }) => {
    assert.equal(error.kind, 'refused', String(error))
    assert.equal(error.code, code)
    return true
  })
}

const verify = (token: string, typ: string | undefined = 'x+jwt', key: KeyObject = ec.publicKey) =>
  verifyJwt({ token, typ, key })

test('a token is verified by the key that signed it, for each algorithm', () => {
  for (const pair of [ec, ed, rsa]) {
    const token = signCompactJws(pair.privateKey, { typ: 'x+jwt', kid: 'k' }, { sub: 'a' })
    assert.deepEqual(verify(token, 'x+jwt', pair.publicKey).claims, { sub: 'a' })
  }
})

test('RFC 8725 3.1: the algorithm belongs to the key', () => {
  refusedWith('jws_algorithm_refused', () => verify(forge({ typ: 'x+jwt', alg: 'RS256' })))
  refusedWith('jws_algorithm_refused', () => verify(forge({ typ: 'x+jwt', alg: 'es256' })))
  for (const alg of ['none', 'None', 'nOnE']) {
    refusedWith('jws_algorithm_refused', () => verify(forge({ typ: 'x+jwt', alg })))
    refusedWith('jws_malformed', () => verify(`${b64(JSON.stringify({ typ: 'x+jwt', alg }))}.${b64('{}')}.`))
  }
})

test('a public key is never the secret of an HMAC', () => {
  const pem = ec.publicKey.export({ type: 'spki', format: 'pem' })
  const input = `${b64('{"alg":"HS256","typ":"x+jwt"}')}.${b64('{}')}`
  const token = `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
  refusedWith('jws_algorithm_refused', () => verify(token))
})

test('header members that would change meaning or trust are refused, also when empty', () => {
  for (const member of ['crit', 'b64', 'jku', 'x5u', 'x5c', 'zip', 'jwk', 'enc']) {
    for (const value of [[], ['exp'], false, 'https://evil.example/k', publicJwkOf(ec.publicKey)]) {
      refusedWith('jws_header_refused', () => verify(forge({ alg: 'ES256', typ: 'x+jwt', [member]: value })))
    }
  }
})

test('a header seen before is judged again for what is wanted, and a refused one stays refused', () => {
  const good = forge({ alg: 'ES256', typ: 'a' })
  const first = parseCompactJws(good).header
  assert.equal(parseCompactJws(good).header, first)
  assert.ok(Object.isFrozen(first))
  refusedWith('jws_type_refused', () => verifyCompactJws({ token: good, typ: 'b', key: ec.publicKey }))
  refusedWith('jws_signature_invalid', () => verifyCompactJws({ token: good, typ: 'a', key: other.publicKey }))
  const embedded = forge({ alg: 'ES256', jwk: publicJwkOf(ec.publicKey) })
  for (let round = 0; round < 2; round += 1) {
    assert.ok(parseCompactJws(embedded, { embeddedKey: true }).header.jwk !== undefined)
    refusedWith('jws_header_refused', () => parseCompactJws(embedded))
    refusedWith('jws_header_refused', () => parseCompactJws(forge({ alg: 'ES256', crit: [] })))
  }
  for (let index = 0; index < 1100; index += 1) parseCompactJws(forge({ alg: 'ES256', kid: `k${index}` }))
  assert.deepEqual(parseCompactJws(good).header, { alg: 'ES256', typ: 'a' })
})

test('typ is compared exactly, and a typ that is not wanted is refused too', () => {
  for (const typ of ['X+JWT', 'x+jwt ', 'application/x+jwt', 'JWT', '']) {
    refusedWith('jws_type_refused', () => verify(forge({ alg: 'ES256', typ })))
  }
  refusedWith('jws_type_refused', () => verify(forge({ alg: 'ES256' })))
  const typed = forge({ alg: 'ES256', typ: 'x+jwt' })
  refusedWith('jws_type_refused', () => verifyJwt({ token: typed, typ: undefined, key: ec.publicKey }))
})

test('duplicate members of header and payload are refused', () => {
  refusedWith('jws_malformed', () => verify(forge('{"alg":"ES256","alg":"none","typ":"x+jwt"}')))
  refusedWith('jwt_payload_refused', () => verify(forge({ alg: 'ES256', typ: 'x+jwt' }, '{"sub":"a","sub":"b"}')))
  refusedWith('jwt_payload_refused', () => verify(forge({ alg: 'ES256', typ: 'x+jwt' }, '[1]')))
})

test('one text for one value: padding, white space, other alphabets and trailing bits are refused', () => {
  const token = signCompactJws(ec.privateKey, { typ: 'x+jwt' }, { sub: 'a' })
  const [head = '', body = '', tail = ''] = token.split('.')
  const last = tail.slice(-1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const bent = tail.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1]
  for (const bad of [`${token}=`, `${token}\n`, ` ${token}`, `${head}.${body}.${bent}`, `${head}.${body}=.${tail}`]) {
    refusedWith('jws_malformed', () => verify(bad))
  }
  for (const bad of ['', '.', '..', `${head}.${body}`, `${token}.`, `${token}.x`, `.${body}.${tail}`]) {
    refusedWith('jws_malformed', () => verify(bad))
  }
  refusedWith('jws_malformed', () => verify(`${head}.${'a'.repeat(20_000)}.${tail}`))
})

test('ECDSA: zero, DER, short and long signatures are refused', () => {
  const token = signCompactJws(ec.privateKey, { typ: 'x+jwt' }, { sub: 'a' })
  const [head = '', body = '', tail = ''] = token.split('.')
  const der = signerOf(ec.privateKey).sign(Buffer.from(`${head}.${body}`))
  assert.ok(der instanceof Uint8Array)
  const raw = Buffer.from(tail, 'base64url')
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const attempts = [
    Buffer.alloc(64),
    Buffer.concat([order, raw.subarray(32)]),
    Buffer.concat([raw.subarray(0, 32), order]),
    Buffer.concat([Buffer.alloc(1), raw]),
    raw.subarray(0, 63),
    Buffer.concat([raw.subarray(0, 32), Buffer.alloc(32)]),
  ]
  for (const bad of attempts) refusedWith('jws_signature_invalid', () => verify(`${head}.${body}.${b64(bad)}`))
  refusedWith('jws_signature_invalid', () => verify(token, 'x+jwt', other.publicKey))
})

test('an unknown kid is refused and a kid of any content reaches nothing but the look-up', () => {
  for (const kid of ['../../key', "' OR 1=1 --", 'https://evil.example']) {
    const seen: unknown[] = []
    const token = forge({ alg: 'ES256', typ: 'x+jwt', kid })
    refusedWith('jws_key_unknown', () =>
      verifyCompactJws({
        token,
        typ: 'x+jwt',
        key: (header) => {
          seen.push(header.kid)
          return undefined
        },
      }),
    )
    assert.deepEqual(seen, [kid])
  }
  refusedWith('jws_header_refused', () => verify(forge({ alg: 'ES256', typ: 'x+jwt', kid: 'k'.repeat(300) })))
  refusedWith('jws_header_refused', () => verify(forge({ alg: 'ES256', typ: 'x+jwt', kid: 7 })))
})

test('keys: private, symmetric, weak and foreign ones are refused', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
  const good = publicJwkOf(ec.publicKey)
  assert.equal(good.kty, 'EC')
  const bad: unknown[] = [
    ec.privateKey.export({ format: 'jwk' }),
    ed.privateKey.export({ format: 'jwk' }),
    { kty: 'oct', k: 'AAAA' },
    weak,
    p384,
    { ...good, use: 'enc' },
    { ...good, alg: 'RS256' },
    { ...good, key_ops: ['sign'] },
    { ...good, x: b64(Buffer.alloc(32)) },
    { ...good, x: `${b64(Buffer.alloc(32, 1)).slice(0, -1)}F` },
    { ...rsa.publicKey.export({ format: 'jwk' }), e: 'AQ' },
    null,
    'key',
    [good],
  ]
  for (const jwk of bad) refusedWith('jwk_refused', () => importJwk(jwk))
})

test('RFC 7638 section 3.1: the example of the RFC', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  assert.equal(thumbprint({ kty: 'RSA', n, e: 'AQAB' }), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
})

test('thumbprints agree with another implementation', async () => {
  for (const { publicKey } of [ec, ed, rsa]) {
    const jwk = publicJwkOf(publicKey)
    const { kid: _kid, alg: _alg, use: _use, key_ops: _ops, ...members } = jwk
    assert.equal(thumbprint(publicKey), await calculateJwkThumbprint(members))
    assert.equal(thumbprint(jwk), thumbprint(publicKey))
    assert.deepEqual(JSON.parse(canonicalJwk(jwk)), members)
  }
})

test('what we sign others verify, what others sign we verify', async () => {
  for (const [pair, alg] of [
    [ec, 'ES256'],
    [ed, 'EdDSA'],
    [rsa, 'RS256'],
  ] as const) {
    const ours = await signJws(signerOf(pair.privateKey), { typ: 'x+jwt' }, { sub: 'a' })
    const key = await importJWK({ ...pair.publicKey.export({ format: 'jwk' }) }, alg)
    assert.equal((await compactVerify(ours, key)).protectedHeader.alg, alg)
    const theirs = await new SignJWT({ sub: 'b' }).setProtectedHeader({ alg, typ: 'x+jwt' }).sign(pair.privateKey)
    assert.equal(verify(theirs, 'x+jwt', pair.publicKey).claims.sub, 'b')
  }
})

test('differential: whatever a mutation does, we accept nothing that another implementation refuses', async () => {
  const token = signCompactJws(ec.privateKey, { typ: 'x+jwt', kid: 'k' }, { sub: 'a', n: 1 })
  const mutation = fc.record({
    at: fc.nat(token.length - 1),
    with: fc.constantFrom('A', 'Q', '_', '-', '.', '=', '', 'AA', 'e30'),
  })
  await fc.assert(
    fc.asyncProperty(mutation, async (change) => {
      const bent = token.slice(0, change.at) + change.with + token.slice(change.at + 1)
      const accepted = ((): boolean => {
        try {
          verify(bent)
          return true
        } catch {
          return false
        }
      })()
      const theirs = await compactVerify(bent, ec.publicKey).then(
        () => true,
        () => false,
      )
      assert.ok(!accepted || theirs, bent)
      assert.ok(!accepted || bent === token)
    }),
    cases(150),
  )
})

test('no text makes the parser throw anything but a refusal', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.stringMatching(/^[\w-]*\.[\w-]*\.[\w-]*$/)), (text) => {
      assert.throws(() => parseCompactJws(text), { kind: 'refused' })
    }),
    cases(300),
  )
})

test('key sets: bounded, unambiguous, public', () => {
  const set = createJwkSet([
    { kid: 'a', key: ec.privateKey },
    { kid: 'b', key: rsa.publicKey },
  ])
  assert.ok(!JSON.stringify(set).includes('"d"'))
  assert.deepEqual(
    parseJwkSet(Buffer.from(JSON.stringify(set))).map(({ kid, alg }) => [kid, alg]),
    [
      ['a', 'ES256'],
      ['b', 'RS256'],
    ],
  )
  const [first] = set.keys
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
  assert.equal(parseJwkSet({ keys: [first, { ...p384, kid: 'c' }, { kty: 'new' }] }).length, 1)
  const bad: unknown[] = [
    {},
    [],
    { keys: {} },
    { keys: [first, first] },
    { keys: [first, { kty: 'oct', k: 'AAAA' }] },
    { keys: [first, ec.privateKey.export({ format: 'jwk' })] },
    { keys: Array.from({ length: 65 }, () => ({ kty: 'new' })) },
    Buffer.alloc(300_000),
    '<html>',
  ]
  for (const value of bad) refusedWith('jwk_set_refused', () => parseJwkSet(value))
})
