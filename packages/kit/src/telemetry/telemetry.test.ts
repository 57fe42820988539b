import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createLogger } from './log.ts'
import { createMetrics } from './metrics.ts'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'
import { noTracing, openTelemetry, registeredTracing } from './tracing.ts'

const collecting = () => {
  const lines: string[] = []
  const log = createLogger({ clock: { now: () => 0 }, level: 'debug', write: (line) => void lines.push(line) })
  return { lines, log }
}

describe('log', () => {
  const jwt = `${'eyJhbGciOiJFUzI1NiJ9'}.${'eyJzdWIiOiJ4In0'}.${'c2lnbmF0dXJlLWJ5dGVz'}`
  const secrets: readonly Record<string, unknown>[] = [
    { authorization: 'canary-value' },
    { headers: { Authorization: 'canary-value', DPoP: 'canary-value', Cookie: 'a=canary-value' } },
    { accessToken: 'canary-value', refresh_token: 'canary-value', client_assertion: 'canary-value' },
    { setupLink: 'canary-value', password: 'canary-value', apiKey: 'canary-value', privateKey: 'canary-value' },
    { jwk: { kty: 'EC', x: 'public', d: 'canary-value' } },
    { detail: `failed with Bearer canary-value` },
    { detail: `dpop canary-value` },
    { url: 'https://user:canary-value@example.test/' },
    { url: 'https://example.test/cb?code=canary-value&x=1' },
    { pem: '-----BEGIN PRIVATE KEY-----\ncanary-value\n-----END PRIVATE KEY-----' },
    { error: new Error('Bearer canary-value') },
    { bytes: Buffer.from('canary-value') },
    { 'Bearer canary-value': 1 },
  ]
  for (const fields of secrets) {
    test(`keeps secret: ${Object.keys(fields)} ${typeof Object.values(fields)[0]}`, () => {
      const { lines, log } = collecting()
      log.info('event', fields)
      log.with(fields).info('event')
      assert.equal(lines.length, 2)
      assert.ok(!lines.join('').includes('canary'), lines.join(''))
      assert.ok(!lines.join('').includes(Buffer.from('canary-value').toString('base64').slice(0, 8)))
    })
  }

  test('a token is recognised by its shape in any field and in the event', () => {
    const { lines, log } = collecting()
    log.warn(`refused ${jwt}`, { why: [`bad ${jwt}`], [jwt]: 1 })
    assert.ok(!lines.join('').includes('c2lnbmF0'), lines.join(''))
  })

  test('what operators need stays', () => {
    const { lines, log } = collecting()
    log.info('x', { code: 'token_expired', tokenHash: 'abc', grant_id: 'grt_1', status: 401 })
    const line = JSON.parse(lines[0] ?? '')
    assert.deepEqual([line.code, line.tokenHash, line.grant_id, line.status], ['token_expired', 'abc', 'grt_1', 401])
  })

  test('one event is one line of JSON, whatever is in it; level, event and time cannot be forged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.anything(), (text, value) => {
        const { lines, log } = collecting()
        log.error(text, { value, [text]: text, level: 'info', event: 'forged', time: 'never' })
        assert.equal(lines.length, 1)
        assert.match(lines[0] ?? '', /^[^\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]*\n$/u)
        const line = JSON.parse(lines[0] ?? '')
        assert.equal(line.level, 'error')
        assert.notEqual(line.event, 'forged')
      }),
    )
  })

  test('never throws: getters, cycles, a broken writer', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const { lines, log } = collecting()
    log.info('x', {
      cycle,
      get broken() {
        throw new Error('no')
      },
    })
    assert.equal(lines.length, 1)
    createLogger({
      clock: { now: () => Number.NaN },
      write: () => {
        throw new Error('disk full')
      },
    }).error('x')
  })

  test('a level hides what is below', () => {
    const lines: string[] = []
    const log = createLogger({ clock: { now: () => 0 }, level: 'warn', write: (line) => void lines.push(line) })
    log.info('a')
    log.warn('b')
    assert.equal(lines.length, 1)
  })
})

describe('metrics', () => {
  test('text format', () => {
    const metrics = createMetrics()
    const calls = metrics.counter('calls_total', 'Calls\nmade')
    calls.add(1, { route: 'a"b\n', method: 'GET' })
    calls.add(2, { method: 'GET', route: 'a"b\n' })
    metrics.collect(() => open.set(7))
    const open = metrics.gauge('open', 'Open')
    const time = metrics.histogram('time_seconds', 'Time', [0.1, 1])
    for (const seconds of [0.1, 0.5, 5]) time.observe(seconds)
    assert.equal(
      metrics.text(),
      [
        '# HELP calls_total Calls\\nmade',
        '# TYPE calls_total counter',
        'calls_total{method="GET",route="a\\"b\\n"} 3',
        '# HELP open Open',
        '# TYPE open gauge',
        'open 7',
        '# HELP time_seconds Time',
        '# TYPE time_seconds histogram',
        'time_seconds_bucket{le="0.1"} 1',
        'time_seconds_bucket{le="1"} 2',
        'time_seconds_bucket{le="+Inf"} 3',
        'time_seconds_sum 5.6',
        'time_seconds_count 3',
        '',
      ].join('\n'),
    )
  })

  test('series are bounded, names are not reused', () => {
    const metrics = createMetrics()
    const counter = metrics.counter('c', 'c')
    for (let at = 0; at < 5_000; at += 1) counter.add(1, { path: `/${at}` })
    assert.ok(metrics.text().split('\n').length < 1_010)
    assert.match(metrics.text(), /c\{series="other"\} 4000/)
    assert.throws(() => metrics.gauge('c', 'again'), { code: 'metric_name' })
    assert.throws(() => metrics.gauge('a b', 'bad'), { code: 'metric_name' })
  })
})

describe('traceparent', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const span = '00f067aa0ba902b7'
  test('valid ones', () => {
    const text = `00-${trace}-${span}-01`
    assert.deepEqual(parseTraceparent(text), { traceId: trace, parentId: span, sampled: true })
    assert.equal(formatTraceparent({ traceId: trace, parentId: span, sampled: true }), text)
    assert.equal(parseTraceparent(`cc-${trace}-${span}-02-what-ever`)?.sampled, false)
  })
  const invalid = [
    '',
    `00-${trace}-${span}`,
    `00-${trace}-${span}-01-x`,
    `ff-${trace}-${span}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    ` 00-${trace}-${span}-01`,
    `00-${trace}-${span}-01\n`,
    `cc-${trace}-${span}-01${'-x'.repeat(200)}`,
  ]
  for (const text of invalid)
    test(`invalid: ${text.slice(0, 60)}`, () => assert.equal(parseTraceparent(text), undefined))
})

describe('tracing', () => {
  test('without a listener the work is done, and errors pass', async () => {
    assert.equal(await noTracing.span('x', {}, () => 1), 1)
    await assert.rejects(
      noTracing.span('x', {}, () => Promise.reject(new Error('no'))),
      /no/,
    )
  })

  test('the real OpenTelemetry API fits the port', async () => {
    const api = await import('@opentelemetry/api')
    const tracing = openTelemetry(api, 'test')
    const parent = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentId: '00f067aa0ba902b7', sampled: true }
    assert.equal(await tracing.span('x', { a: 1 }, async () => 2, parent), 2)
    await assert.rejects(
      tracing.span('x', {}, () => {
        throw new Error('no')
      }),
      /no/,
    )
  })

  test('nothing is traced without an SDK, and the SDK of the process is found when there is one', async () => {
    const api = await import('@opentelemetry/api')
    assert.equal(registeredTracing(api, 'test'), undefined)
    const ended: string[] = []
    const startSpan = (name: string) => {
      const span = api.trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 })
      return Object.assign(span, { end: () => void ended.push(name) })
    }
    api.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan, startActiveSpan: () => undefined as never }) })
    try {
      assert.equal(await registeredTracing(api, 'test')?.span('work', {}, () => 3), 3)
      assert.deepEqual(ended, ['work'])
    } finally {
      api.trace.disable()
    }
  })
})
