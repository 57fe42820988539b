import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPolicies, compilePolicySet, quickstartPolicies } from '../index.ts'
import type { PolicySource } from '../source.ts'
import { readExpectations, runExpectation } from './expectations.ts'
import { type Filled, fillTemplate, listTemplates, type Template } from './templates.ts'

/** Values that would break out of text that is only pasted. */
const HOSTILE = 'x") ; permit (principal, action, resource); //\\'
const given = ({ parameters }: Template, text: string): Record<string, readonly string[]> =>
  Object.fromEntries(
    parameters.map(({ flag, kind }) => [
      flag,
      kind === 'number' ? ['100'] : kind === 'name' ? ['sum'] : kind === 'text' ? [text] : [text, `${text}2`],
    ]),
  )

const sourceOf = ({ id, cedar, schema }: Filled, base: PolicySource['files'] = []): PolicySource => ({
  files: [...base, { name: `${id}.cedar`, text: cedar }],
  ...(schema === undefined ? {} : { schema: { name: 'schema.cedarschema', text: schema } }),
})

for (const template of listTemplates()) {
  test(`${template.name}: valid, as expected alone and beside the ready-made policies`, async () => {
    for (const text of ['https://s.example/one', HOSTILE]) {
      const filled = fillTemplate(template.name, { ...given(template, text), id: ['mine'] })
      for (const base of [[], quickstartPolicies().files]) {
        const source = sourceOf(filled, base)
        assert.deepEqual((await checkPolicies(source)).problems, [])
        const snapshot = await compilePolicySet(source)
        const users = snapshot.policies.filter(({ file }) => file === 'mine.cedar').map(({ id }) => id)
        assert.ok(users.length > 0 && users.every((id) => id === 'mine' || id.startsWith('mine.')), users.join())
        for (const expectation of readExpectations('mine.test.json', filled.expectations)) {
          const result = await runExpectation(snapshot, expectation)
          assert.ok(result.passed, `${result.name}: ${result.reason}`)
        }
      }
    }
  })

  test(`${template.name}: its expectations notice when the policy is gone`, async () => {
    const filled = fillTemplate(template.name, given(template, 'https://s.example/one'))
    const open = '@id("open") permit (principal, action, resource);'
    const snapshot = await compilePolicySet({ ...sourceOf(filled), files: [{ name: 'open.cedar', text: open }] })
    const results = await Promise.all(
      readExpectations('f', filled.expectations).map((one) => runExpectation(snapshot, one)),
    )
    assert.ok(results.some(({ passed }) => !passed))
  })

  test(`${template.name}: every value that has no default must be given, and fits its kind`, () => {
    for (const { flag, default: standard, kind } of template.parameters) {
      const all = given(template, 'x')
      const { [flag]: _gone, ...rest } = all
      if (standard === undefined) assert.throws(() => fillTemplate(template.name, rest), { code: 'template_value' })
      const bad = kind === 'number' ? '1.5' : kind === 'name' ? 'a b' : 'a\nb'
      assert.throws(() => fillTemplate(template.name, { ...all, [flag]: [bad] }), { code: 'template_value' })
    }
    assert.throws(() => fillTemplate(template.name, { ...given(template, 'x'), stray: ['x'] }), /no place/)
    assert.throws(() => fillTemplate(template.name, { ...given(template, 'x'), id: ['A b'] }), {
      code: 'template_value',
    })
  })
}

test('an unknown template is refused with those that there are', () => {
  assert.throws(() => fillTemplate('nothing', {}), /spending-limit/)
})
