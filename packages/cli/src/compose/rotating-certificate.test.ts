/** Certificates live for hours where they are renewed by themselves: whoever read one at the start is locked out by the evening. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Pem, rotatingCertificate } from './rotating-certificate.ts'

const pairs = (names: readonly string[]): readonly Pem[] => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-rotating-'))
  try {
    return names.map((name) => {
      const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)]
      const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
      execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-subj', `/CN=${name}`, '-out', cert], {
        stdio: 'ignore',
      })
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
const [first, second] = pairs(['first', 'second']) as [Pem, Pem]

const setUp = () => {
  let now = 0
  let files: Pem | Error = first
  const refused: string[] = []
  const closed: string[] = []
  const nameOf = ({ cert }: Pem) => (cert === first.cert ? 'first' : 'second')
  const fetch = rotatingCertificate({
    clock: { monotonic: () => now },
    read: () => {
      if (files instanceof Error) throw files
      return files
    },
    make: (pem) =>
      Object.assign(async (url: string) => ({ status: 200, headers: {}, bytes: Buffer.from(nameOf(pem)), url }), {
        close: async () => void closed.push(nameOf(pem)),
      }),
    onRefused: (error) => refused.push(String(error)),
  })
  const shown = async () => Buffer.from((await fetch('https://pdp.example')).bytes).toString()
  const later = (found: Pem | Error): void => {
    files = found
    now += 30_001
  }
  return { fetch, shown, later, refused, closed }
}

test('a renewed certificate is shown within half a minute, and the one before is let finish', async () => {
  const { fetch, shown, later, closed } = setUp()
  assert.equal(await shown(), 'first')
  later(second)
  assert.equal(await shown(), 'second')
  assert.deepEqual(closed, [])
  await fetch.close()
  assert.deepEqual(closed.sort(), ['first', 'second'])
})

test('half a renewal, nonsense and files that are gone change nothing, and are reported', async () => {
  const { fetch, shown, later, refused } = setUp()
  const bad: readonly (Pem | Error)[] = [
    { cert: second.cert, key: first.key },
    { cert: first.cert, key: second.key },
    { cert: '', key: '' },
    { cert: second.cert, key: 'no key' },
    new Error('gone'),
  ]
  for (const [at, found] of bad.entries()) {
    later(found)
    assert.equal(await shown(), 'first')
    assert.equal(refused.length, at + 1)
  }
  later(second)
  assert.equal(await shown(), 'second')
  await fetch.close()
})
