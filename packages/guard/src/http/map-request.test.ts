import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCredenceError } from '@credence/kit'
import { decidedValue, isJson, mapHttp, readBody } from './map-request.ts'

const RESOURCE = 'https://api.example'
const map = (target: string) => mapHttp(RESOURCE, { method: 'GET', target }, undefined)

describe('the default reading of a request', () => {
  test('two requests that differ are two operations', async () => {
    const targets = ['/a', '/a?', '/a?x=1', '/a?x=1&x=2', '/a?x=2&x=1', '/a?X=1', '/A', '/a/', '/a%3Fx=1']
    const seen = new Set<string>()
    for (const target of targets) {
      const { name, arguments: args } = await map(target)
      seen.add(JSON.stringify([name, args]))
    }
    assert.equal(seen.size, targets.length - 1, 'only the empty query is the same as none')
  })

  test('a long URL is refused', async () => {
    await assert.rejects(map(`/${'x'.repeat(9000)}`), (error) => isCredenceError(error) && error.status === 414)
  })

  test('JSON is read strictly, other bodies count by their bytes', () => {
    assert.deepEqual(readBody(Buffer.from('{"a":1}'), 'application/json; charset=utf-8'), { a: 1 })
    assert.throws(() => readBody(Buffer.from('{"a":1,"a":2}'), 'application/problem+json'), isCredenceError)
    const one = readBody(Buffer.from('{"a":1,"a":2}'), 'text/plain')
    assert.notDeepEqual(one, readBody(Buffer.from('{"a":1}'), 'text/plain'))
    assert.deepEqual(decidedValue(Buffer.from('{"a":1,"a":2}')), { body: one })
    assert.equal(readBody(Buffer.alloc(0), 'application/json'), undefined)
  })

  test('what is JSON', () => {
    for (const type of ['application/json', 'Application/JSON;x=y', 'application/vnd.a+json'])
      assert.ok(isJson(type), type)
    for (const type of ['application/jsonp', 'text/json', 'application/json-seq', '', undefined])
      assert.ok(!isJson(type))
  })
})

test('a path that a handler may read as another path is refused', async () => {
  for (const target of [
    '/public/../admin',
    '/public/..',
    '/./admin',
    '/public/%2e%2E/admin',
    '/public/.%2e/admin',
    '/public/..%2fadmin',
    '/public\\..\\admin',
    '/public/%5c..%5cadmin',
    '/%61dmin',
    '/a%00b',
    '/a%ffb',
    '/a%zz',
  ])
    await assert.rejects(map(target), { code: 'path_ambiguous', status: 400 }, target)
  for (const target of ['/', '/a..b/.c', '/caf%C3%A9', '/@scope%2Fname', '/a%20b?x=../..'])
    assert.equal((await map(target)).name, target.split('?')[0])
})
