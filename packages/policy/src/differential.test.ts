import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases } from '@credence/kit/testing'
import fc from 'fast-check'
import { createCedarLane } from './cedar/lane.ts'
import { requestJson } from './cedar/question.ts'
import type { CedarQuestion } from './compile/entities.ts'
import { compilePolicy } from './compile/policy.ts'
import { linkProgram, type Verdict, verdictOf } from './compile/program.ts'
import { policyText, question } from './testing/generators.ts'

const CASES = 600
const SCHEMA = 'entity Nothing;'
const lane = createCedarLane(60_000)
const reached = {
  cases: 0,
  allowed: 0,
  forbidden: 0,
  failed: 0,
  operators: new Set<string>(),
  failures: new Set<string>(),
}

const shape = ({ allow, reasons, errors }: Pick<Verdict, 'allow' | 'reasons' | 'errors'>) => ({
  allow,
  reasons: [...reasons].sort(),
  errors: errors.map(({ policy, kind }) => `${policy} ${kind}`).sort(),
})

const operatorsOf = (value: unknown): void => {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    reached.operators.add(key)
    operatorsOf(inner)
  }
}

const compileAll = async (texts: readonly string[]) => {
  const { policies } = await lane.read({ schema: SCHEMA, policies: texts })
  return policies.map(({ json, errors }, index) => {
    assert.ok(json !== undefined, `${texts[index]}: ${errors[0]?.message}`)
    const parsed: unknown = JSON.parse(json)
    operatorsOf(parsed)
    const effect = texts[index]?.startsWith('permit') ? 'permit' : 'forbid'
    return compilePolicy(`p${index}`, effect, parsed)
  })
}

let sets = 0
const agree = async (texts: readonly string[], questions: readonly CedarQuestion[]): Promise<void> => {
  const program = linkProgram(await compileAll(texts))
  const set = { key: `${sets++}`, policies: Object.fromEntries(texts.map((text, index) => [`p${index}`, text])) }
  for (const one of questions) {
    const ours = verdictOf(program(one))
    const theirs = await lane.authorize(set, requestJson(one))
    assert.deepEqual(shape(ours), shape(theirs), texts.join('\n'))
    reached.cases++
    if (ours.allow) reached.allowed++
    if (!ours.allow && ours.reasons.length > 0) reached.forbidden++
    if (ours.errors.length > 0) reached.failed++
    for (const { kind } of ours.errors) reached.failures.add(kind)
  }
}

test('the compiler and cedar-wasm agree on decision, determining policies and failing policies', async (t) => {
  const sample = fc.tuple(
    fc.array(policyText, { minLength: 1, maxLength: 6 }),
    fc.array(question, { minLength: 4, maxLength: 4 }),
  )
  await fc.assert(
    fc.asyncProperty(sample, ([texts, questions]) => agree(texts, questions)),
    cases(CASES),
  )
  t.diagnostic(
    `${reached.cases} requests: ${reached.allowed} allowed, ${reached.forbidden} forbidden, ${reached.failed} with failing policies`,
  )
  t.diagnostic(`failures: ${[...reached.failures].sort().join(' | ')}`)
  const operators =
    '== != < <= > >= + - * in && || ! neg if-then-else . has like is contains containsAll containsAny isEmpty Set Record'
  for (const operator of operators.split(' '))
    assert.ok(reached.operators.has(operator), `never generated: ${operator}`)
  for (const kind of ['type', 'overflow', 'entity', 'attribute']) {
    assert.ok(
      [...reached.failures].some((message) => message.startsWith(kind)),
      `never failed with: ${kind}`,
    )
  }
  assert.ok(reached.allowed > 50 && reached.forbidden > 50 && reached.failed > 50)
})

test('longs overflow at 64 bits, exactly where Cedar says', async () => {
  const big = '9007199254740991'
  const at = (body: string) => `permit (principal, action, resource) when { ${body} };`
  const texts = [
    at(`${big} * 1024 + 1023 > 0`),
    at(`${big} * 1024 + 1024 > 0`),
    at(`-${big} * 1024 - 1024 < 0`),
    at(`-${big} * 1024 - 1025 < 0`),
    at(`${big} * ${big} == 1`),
    at(`(${big} + 2) - 2 == ${big}`),
    at(`${big} + 1 != ${big} + 2`),
    at(`[${big} + 1].contains(${big} + 1)`),
    at(`0 * -1 == 0 && [0].contains(0 * -1)`),
  ]
  await fc.assert(
    fc.asyncProperty(question, (one) => agree(texts, [one])),
    { numRuns: 3 },
  )
})
