import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { cases } from '../testing/index.ts'
import { createSseParser, readSse, sseEvent } from './index.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const whole = (text: string): string[] => createSseParser().push(bytes(text))

describe('events', () => {
  const cases: Record<string, [string, string[]]> = {
    'one line': ['data: a\n\n', ['a']],
    'several lines': ['data: a\ndata:b\ndata:  c\n\n', ['a\nb\n c']],
    'empty data': ['data\n\ndata:\n\n', ['', '']],
    'other fields and comments': [': hello\nevent: x\nid: 1\nretry: 5\ndatas: no\ndata: a\n\n', ['a']],
    'no data, no event': ['event: x\n\n\n\n', []],
    'every kind of line end': ['data: a\r\n\r\ndata: b\r\rdata: c\n\n', ['a', 'b', 'c']],
    'a byte order mark': ['\uFEFFdata: a\n\n', ['a']],
    'an event that does not end': ['data: a\n\ndata: b\n', ['a']],
    'a colon in the value': ['data: {"a":1}\n\n', ['{"a":1}']],
  }
  for (const [name, [text, events]] of Object.entries(cases)) {
    test(name, () => assert.deepEqual(whole(text), events))
  }

  test('bytes that are no UTF-8 are replaced, not dropped', () => {
    assert.deepEqual(createSseParser().push(Buffer.from([...bytes('data: '), 0xff, ...bytes('\n\n')])), ['\uFFFD'])
  })
})

const streamText = fc
  .array(fc.constantFrom('data: x', 'data', ':', 'é🙂', '\r', '\n', '\r\n', 'id: 1', ' ', '\uFEFF', 'data:a\n\n', 'z'))
  .map((parts) => parts.join(''))

test('a cut inside the byte order mark takes no second one', () => {
  const parser = createSseParser()
  const all = bytes('\uFEFF\uFEFFdata: a\n\n')
  assert.deepEqual([...parser.push(all.subarray(0, 1)), ...parser.push(all.subarray(1))], [])
})

test('any cutting gives the same events', () => {
  fc.assert(
    fc.property(streamText, fc.array(fc.nat(60)), (text, cuts) => {
      const all = Buffer.from(text)
      const parser = createSseParser()
      const places = [...cuts.filter((at) => at < all.length), all.length].sort((a, b) => a - b)
      let from = 0
      const events = places.flatMap((to) => {
        const piece = all.subarray(from, to)
        from = to
        return parser.push(piece)
      })
      assert.deepEqual(events, whole(text))
    }),
    cases(2000),
  )
})

test('what was written is what is read, line breaks as line feeds', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
      const written = texts.map((text) => sseEvent(text)).join('')
      const read = texts.map((text) => Buffer.from(text.replace(/\r\n|\r/g, '\n')).toString())
      assert.deepEqual(whole(written), read)
    }),
  )
})

test('an event is there with the byte that ends it', () => {
  for (const end of ['\n\n', '\r\r', '\r\n\r\n'.slice(0, 3)]) assert.deepEqual(whole(`data: a${end}`), ['a'])
  const parser = createSseParser()
  assert.deepEqual(parser.push(bytes('data: a\r\r')), ['a'])
  assert.deepEqual(parser.push(bytes('\ndata: b\n\n')), ['b'])
})

describe('limits', () => {
  const tooLarge = { kind: 'unavailable', code: 'event_too_large', status: 502 }
  test('a line without end, a comment without end, an event of many lines', () => {
    for (const piece of ['data: aaaaaaaaaa', ': aaaaaaaaaaaa', 'data: aaaaaaaa\n', 'data\n']) {
      const parser = createSseParser({ maxEvent: 1000 })
      assert.throws(() => {
        for (let i = 0; i < 1000; i += 1) parser.push(bytes(piece))
      }, tooLarge)
    }
    assert.throws(() => createSseParser({ maxEvent: 10 }).push(bytes(`data: ${'a'.repeat(11)}\n\n`)), tooLarge)
  })
  test('many events and comments of allowed size have no end', () => {
    const parser = createSseParser({ maxEvent: 100 })
    for (let i = 0; i < 1000; i += 1) assert.deepEqual(parser.push(bytes(`: ping\n\ndata: ${i}\n\n`)), [String(i)])
    for (let i = 0; i < 1000; i += 1) parser.push(bytes(': ping\n'))
  })
  test('a long line in small pieces costs no more than its length', { timeout: 20_000 }, () => {
    const parser = createSseParser()
    const piece = bytes('a'.repeat(1024))
    parser.push(bytes('data: '))
    for (let i = 0; i < 8 * 1024; i += 1) parser.push(piece)
    assert.equal(parser.push(bytes('\n\n'))[0]?.length, 8 * 1024 * 1024)
  })
})

test('a body is read as it comes', async () => {
  async function* body() {
    yield bytes('data: a\n')
    yield bytes('\ndata: b\n\nda')
  }
  const events: string[] = []
  for await (const event of readSse(body())) events.push(event)
  assert.deepEqual(events, ['a', 'b'])
})
