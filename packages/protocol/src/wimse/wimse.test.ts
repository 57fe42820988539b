import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusedWith } from '../testing/refused.ts'
import { formatWorkloadId, parseWorkloadId, workloadOrigin } from './index.ts'

test('workload identifiers are read and written back unchanged', () => {
  for (const text of ['spiffe://example.org/agent/agt_A-1', 'wimse://prod.example/a/~b', 'wimse://x/%2F']) {
    assert.equal(formatWorkloadId(parseWorkloadId(text)), text)
  }
  assert.equal(workloadOrigin(parseWorkloadId('spiffe://x/a')), 'spiffe://x')
})

test('everything that could be read in two ways is refused', () => {
  for (const bad of [
    '',
    'https://x/a',
    'SPIFFE://x/a',
    'spiffe://x',
    'spiffe://x/',
    'spiffe://x/a/',
    'spiffe://x//a',
    'spiffe:///a',
    'spiffe://X/a',
    'spiffe://x:1/a',
    'spiffe://u@x/a',
    'spiffe://x/a?q',
    'spiffe://x/a#f',
    'spiffe://x/./a',
    'spiffe://x/../a',
    'spiffe://127.0.0.1/a',
    'spiffe://x/%70ay',
    'spiffe://x/a~b',
    'wimse://x/%70ay',
    'wimse://x/%2f',
    'wimse://x/%zz',
    'wimse://x/\u00e9',
    'wimse://x/a b',
    `spiffe://x/${'a'.repeat(2048)}`,
  ]) {
    refusedWith('workload_id_malformed', () => parseWorkloadId(bad))
  }
})
