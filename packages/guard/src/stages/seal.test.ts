import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeal } from './seal.ts'

test('a seal is on what it was put on, and on nothing made from it', () => {
  const seal = createSeal<string>()
  const stage = Object.freeze(seal.put({ a: 1 }, 'bytes'))
  assert.ok(seal.isOn(stage))
  assert.equal(seal.hidden(stage), 'bytes')
  const others = [{}, { ...stage }, new Proxy(stage, {}), Object.create(stage), structuredClone(stage)]
  for (const other of others) {
    assert.equal(seal.isOn(other), false)
    assert.equal(seal.hidden(other), undefined)
    assert.equal(seal.use(other), false)
  }
  assert.equal(createSeal().isOn(stage), false, 'the seal of another step')
  assert.deepEqual(Reflect.ownKeys(stage), ['a'])
})

test('a sealed object is used once, frozen or not', () => {
  const seal = createSeal()
  const stage = Object.freeze(seal.put({}, undefined))
  assert.deepEqual([seal.use(stage), seal.use(stage)], [true, false])
})
