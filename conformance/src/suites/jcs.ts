/** RFC 8785 through `canonicalize` and the strict parser. */
import assert from 'node:assert/strict'
import { canonicalize, parseStrict } from '@credence/kit/json'
import { attempt, type Suite } from '../suite.ts'
import { listVectors, readVector, vectorSuite } from '../vectors.ts'

export const jcs: Suite = vectorSuite(
  {
    name: 'jcs',
    about: 'RFC 8785 vectors: canonical JSON',
    run: async (report) => {
      for (const file of listVectors('jcs/input')) {
        const input = readVector(`jcs/input/${file}`)
        const output = readVector(`jcs/output/${file}`).trimEnd()
        await attempt(report, `canonical/${file}`, () => assert.equal(canonicalize(JSON.parse(input)), output))
        await attempt(report, `strict-parser/${file}`, () => assert.equal(canonicalize(parseStrict(input)), output))
      }
    },
  },
  'jcs/',
)
