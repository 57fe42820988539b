import assert from 'node:assert/strict'
import { isCredenceError } from '@credence/kit'

/** Runs, and demands a refusal with this code. */
export const refusedWith = (code: string, run: () => unknown): void => {
  assert.throws(run, (error: unknown) => {
    assert.ok(isCredenceError(error), String(error))
    assert.equal(error.kind, 'refused', String(error.stack))
    assert.equal(error.code, code, error.message)
    return true
  })
}
