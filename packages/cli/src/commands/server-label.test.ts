import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ToolLabelsSchema } from '@credence/model'
import fc from 'fast-check'
import { readLabel, readLabels } from './server-label.ts'

test('labels are read as they are written', () => {
  assert.deepEqual(readLabel('read'), { effect: 'read' })
  assert.deepEqual(readLabel('read,public'), { effect: 'read', publicData: true })
  assert.deepEqual(readLabel('pay,class:customer,irreversible'), {
    effect: 'pay',
    dataClass: 'customer',
    reversible: false,
  })
  assert.deepEqual(readLabel('read,public,untrusted'), { effect: 'read', publicData: true, untrusted: true })
  assert.deepEqual(readLabels(['a=b=send,reversible', '__proto__=read']), {
    'a=b': { effect: 'send', reversible: true },
    ['__proto__']: { effect: 'read' },
  })
})

test('what is not known, or said twice, is refused', () => {
  for (const text of [
    '',
    'shred',
    'read,write',
    'public,public',
    'untrusted,read,untrusted',
    'trusted',
    'class:',
    'class:A',
    'class:a b',
    'read,',
    'reversible,irreversible',
  ])
    assert.equal(readLabel(text), undefined, text)
  for (const text of ['read', '=read', 'a=', 'a']) assert.throws(() => readLabels([text]), /write TOOL=/)
})

test('whatever is read is what the registry takes, or contradicts itself', () => {
  const word = fc.constantFrom(
    'read',
    'pay',
    'public',
    'class:x',
    'class:public',
    'reversible',
    'irreversible',
    'untrusted',
    'odd',
    '',
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (words) => {
      const labels = readLabel(words.join(','))
      if (labels === undefined) return
      const contradicts = labels.publicData === true && labels.dataClass === 'x'
      assert.equal(ToolLabelsSchema.safeParse(labels).success, !contradicts)
    }),
  )
})
