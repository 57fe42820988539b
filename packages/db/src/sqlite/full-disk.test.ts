import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const CHILD = new URL('../testing/full-disk.ts', import.meta.url).pathname

/** A disk of 8 MiB that only the child sees; Linux lets root make one. */
const onSmallDisk = (directory: string, command: readonly string[]) =>
  spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@"', directory, ...command], {
    encoding: 'utf8',
  })

test('on a full disk a batch that takes authority away commits, and no other', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'credence-full-'))
  try {
    if (onSmallDisk(directory, ['true']).status !== 0) {
      t.skip('NOT TESTED: a small disk needs Linux and root (unshare, mount)')
      return
    }
    const { stdout, stderr, status } = onSmallDisk(directory, [process.execPath, CHILD, directory])
    assert.equal(status, 0, stderr)
    const { rows, expectedRows, reducingAgain, ...answers } = JSON.parse(stdout)
    assert.deepEqual(answers, {
      ordinaryWhenFull: 'unavailable',
      reserveBefore: true,
      together: 'unavailable',
      reducing: 'done',
      reserveAfter: false,
      ordinaryWhenSpent: 'unavailable',
      ordinaryWithRoom: 'done',
      reserveAtEnd: true,
    })
    assert.equal(reducingAgain, Array(50).fill('done').join(','))
    assert.equal(rows, expectedRows)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
