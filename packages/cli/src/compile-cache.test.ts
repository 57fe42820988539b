import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const program = (folder: string): string =>
  `import { keepCompiledCode } from ${JSON.stringify(new URL('compile-cache.ts', import.meta.url).href)}
   console.log(keepCompiledCode(${JSON.stringify(folder)}))`

const keeps = (folder: string): string => {
  const env = { ...process.env, NODE_COMPILE_CACHE: '' }
  return execFileSync(process.execPath, ['--input-type=module', '-e', program(folder)], {
    env,
    encoding: 'utf8',
  }).trim()
}

test('compiled code is kept only where nobody else can write', () => {
  const base = mkdtempSync(join(tmpdir(), 'credence-cli-'))
  try {
    assert.equal(keeps(join(base, 'own')), 'true')
    assert.ok(readdirSync(join(base, 'own')).length > 0)
    chmodSync(join(base, 'own'), 0o777)
    assert.equal(keeps(join(base, 'own')), 'false')
    writeFileSync(join(base, 'file'), '')
    assert.equal(keeps(join(base, 'file')), 'false')
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
})
