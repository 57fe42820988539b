import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mayRefuse, upstreamRefusal } from './upstream-refusal.ts'

const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

describe('a refusal of the server behind', () => {
  it('passes as an error object and nothing else of it', async () => {
    const error = { code: -32021, message: 'needs sampling', data: { requiredCapabilities: { sampling: {} } } }
    const sent = upstreamRefusal(400, bytes({ jsonrpc: '2.0', id: 7, error: { ...error, extra: 1 }, more: 'x' }))
    assert.deepEqual(JSON.parse(String(sent?.value.body)), { jsonrpc: '2.0', id: 7, error })
    assert.equal(sent?.value.status, 400)
    assert.deepEqual(await sent?.completion, { status: 'failed', code: 'rpc_-32021' })
  })

  it('does not pass when it is no error of JSON-RPC', () => {
    for (const body of [
      '<html>',
      '',
      '[]',
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: 1, error: { code: '1', message: 'x' } },
      { jsonrpc: '2.0', id: 1, error: { code: 1.5, message: 'x' } },
      { jsonrpc: '1.0', id: 1, error: { code: 1, message: 'x' } },
      '{"jsonrpc":"2.0","error":{"code":1,"code":2,"message":"x"}}',
    ])
      assert.equal(upstreamRefusal(400, bytes(body)), undefined, JSON.stringify(body))
  })

  it('is heard with statuses of the request only, never of credentials or of trouble', () => {
    assert.deepEqual([200, 400, 401, 403, 404, 407, 500, 502].filter(mayRefuse), [400, 404])
  })
})
