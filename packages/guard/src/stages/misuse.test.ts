/** The programs in `misuse/` must not compile, each for exactly the reason it names. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../../misuse/', import.meta.url))
const COMPILER = fileURLToPath(new URL('../../../../node_modules/.bin/tsc', import.meta.url))
const ERROR = /^(?:.*\/)?([\w-]+\.ts)\((\d+),\d+\): error (TS\d+)/

const compile = (): Promise<string[]> =>
  new Promise((resolve) => {
    execFile(process.execPath, [COMPILER, '-p', FOLDER, '--pretty', 'false'], { cwd: FOLDER }, (_error, stdout) => {
      const found = stdout.split('\n').flatMap((line) => {
        const [, file, at, code] = ERROR.exec(line) ?? []
        return file === undefined ? [] : [`${file}:${at} ${code}`]
      })
      resolve(found)
    })
  })

const wanted = (file: string): string[] =>
  readFileSync(join(FOLDER, file), 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const code = /\/\/ (TS\d+)$/.exec(line)?.[1]
      return code === undefined ? [] : [`${file}:${index + 1} ${code}`]
    })

describe('misuse does not compile', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.ts') && file !== 'ports.ts')
  let errors: string[] = []
  before(async () => {
    errors = await compile()
  })

  for (const file of files)
    test(file.replace('.ts', '').replaceAll('-', ' '), () => {
      const expected = wanted(file)
      assert.equal(expected.length, file === 'correct.ts' ? 0 : 1)
      assert.deepEqual(
        errors.filter((error) => error.startsWith(`${file}:`)),
        expected,
      )
    })

  test('the compiler complains of nothing else', () => {
    assert.deepEqual(
      errors.filter((error) => !files.some((file) => error.startsWith(`${file}:`))),
      [],
    )
    assert.ok(files.length > 15)
  })
})
