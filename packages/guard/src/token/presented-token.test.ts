import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCredenceError } from '@credence/kit'
import fc from 'fast-check'
import { type PresentedToken, readCredentials } from './presented-token.ts'

const presented = (authorization: string): PresentedToken => ({
  method: 'GET',
  url: 'https://api.example/x',
  resource: 'https://api.example/x',
  authorization: [authorization],
  dpop: [],
})

const field = fc.oneof(
  fc.string({ maxLength: 60, unit: 'binary' }),
  fc
    .tuple(fc.constantFrom('DPoP', 'Bearer', 'dpop', 'Basic', ''), fc.constantFrom(' ', '  ', '\t', ''), fc.string())
    .map((parts) => parts.join('')),
)

test('whatever stands in the field: credentials that print back to it, or a refusal', () => {
  fc.assert(
    fc.property(field, (text) => {
      try {
        const { scheme, token } = readCredentials(presented(text))
        assert.equal(`${scheme} ${token}`.toLowerCase(), text.toLowerCase())
        assert.match(token, /^[A-Za-z0-9\-._~+/]+=*$/)
      } catch (error) {
        assert.ok(isCredenceError(error) && error.kind === 'refused', String(error))
        assert.ok(error.status === 400 || error.status === 401)
        assert.ok(!error.message.includes(text) || text.length < 3)
      }
    }),
    { numRuns: 500 },
  )
})
