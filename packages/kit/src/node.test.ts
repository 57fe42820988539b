import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeRandom } from './node.ts'

describe('nodeRandom', () => {
  it('never gives the same piece twice, across many refills of its pool', () => {
    const seen = new Set<string>()
    for (let index = 0; index < 20_000; index += 1) seen.add(Buffer.from(nodeRandom.bytes(16)).toString('hex'))
    assert.equal(seen.size, 20_000)
  })

  it('gives pieces of their own: changing one changes no other', () => {
    const first = nodeRandom.bytes(16)
    const copy = Buffer.from(first).toString('hex')
    nodeRandom.bytes(16).fill(0)
    assert.equal(Buffer.from(first).toString('hex'), copy)
    assert.notEqual(copy, '0'.repeat(32))
  })

  it('gives any length', () => {
    for (const length of [0, 1, 64, 65, 10_000]) assert.equal(nodeRandom.bytes(length).length, length)
  })
})
