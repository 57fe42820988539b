import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCredenceError } from '@credence/kit'
import fc from 'fast-check'
import { plainText } from '../pages/text.ts'
import { safeReturn } from '../people/browser.ts'
import { canonicalQuery, parseParameters, print, targetOf } from './edge.ts'

describe('parameters, parsed once and printed again', () => {
  it('every text is either refused or means the same to another parser', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '=',
      '&',
      '%',
      '%61',
      '%C3',
      '%A9',
      '+',
      ' ',
      ';',
      '\u00e9',
      '[',
      ']',
      '%00',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        let parsed: Map<string, string>
        try {
          parsed = parseParameters(pieces.join(''))
        } catch (error) {
          return isCredenceError(error) && error.status === 400
        }
        const again = [...new URLSearchParams(print(parsed))]
        assert.deepEqual(again, [...parsed])
        assert.deepEqual([...parseParameters(print(parsed))], [...parsed])
        return true
      }),
      { numRuns: 2000 },
    )
  })
  it('is stable: printing what was printed changes nothing', () => {
    const query = canonicalQuery('response_type=code&client_id=a%20b&state=%F0%9F%94%91')
    assert.equal(canonicalQuery(query), query)
  })
  it('refuses a query beyond the bound', () => {
    assert.throws(() => canonicalQuery(`state=${'x'.repeat(20_000)}`), { code: 'request_too_long' })
  })
})

describe('targets', () => {
  it('whatever is not written exactly is not for the library', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.constantFrom('/authorize', '/par'), (noise, path) => {
        const target = targetOf(`${path}${noise}`)
        const exact = noise === '' || noise.startsWith('?')
        const resume = path === '/authorize' && /^\/[A-Za-z0-9_-]{20,64}(?:\?|$)/.test(noise)
        assert.equal(target !== undefined, exact || resume)
      }),
    )
    assert.equal(targetOf('http://evil.example/authorize'), undefined)
    assert.equal(targetOf('//evil.example/authorize'), undefined)
  })
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
const DECEIVING = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/

describe('text of others', () => {
  it('is never longer than the limit and holds nothing that changes how the rest reads', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 1, max: 80 }), (text, limit) => {
        const shown = plainText(text, limit)
        assert.ok([...shown].length <= limit)
        assert.doesNotMatch(shown, DECEIVING)
      }),
    )
  })
  it('leads nowhere else after a sign-in', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (wanted) => {
        assert.match(safeReturn(wanted), /^\/(?:account|interaction\/[A-Za-z0-9_-]+)$/)
      }),
    )
  })
})
