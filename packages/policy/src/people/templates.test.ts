import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkPolicies, compilePolicySet, quickstartPolicies } from '../index.ts'
import type { PolicySource } from '../source.ts'
import { askScene } from './ask.ts'
import { readExpectations, runExpectation } from './expectations.ts'
import { sceneOf } from './facts.ts'
import { type Filled, fillTemplate, listTemplates, type Template } from './templates.ts'

/** Values that would break out of text that is only pasted. */
const HOSTILE = 'x") ; permit (principal, action, resource); //\\'
const PLAIN: Readonly<Record<string, readonly string[]>> = {
  number: ['100'],
  name: ['sum'],
  effects: ['pay', 'delete'],
  time: ['2026-12-31T18:00:00+0100'],
  hour: ['09'],
  zone: ['-0530'],
}

const given = ({ parameters }: Template, text: string): Record<string, readonly string[]> =>
  Object.fromEntries(
    parameters.map(({ flag, kind, after }) => {
      if (kind === 'hour' && after !== undefined) return [flag, ['17']]
      return [flag, PLAIN[kind] ?? (kind === 'text' ? [text] : [text, `${text}2`])]
    }),
  )

const sourceOf = ({ id, cedar, schema }: Filled, base: PolicySource['files'] = []): PolicySource => ({
  files: [...base, { name: `${id}.cedar`, text: cedar }],
  ...(schema === undefined ? {} : { schema: { name: 'schema.cedarschema', text: schema } }),
})

const BAD: Readonly<Record<string, string>> = {
  number: '1.5',
  name: 'a b',
  effects: 'shred',
  time: '2026-02-30',
  hour: '24',
  zone: '+1:00',
}

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
      const bad = BAD[kind] ?? 'a\nb'
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

/** Is it Monday to Friday, and between the hours, on the clock of the zone? */
const isOpen = (at: number, from: number, to: number, minutes: number): boolean => {
  const local = new Date(at + minutes * 60_000)
  return local.getUTCDay() >= 1 && local.getUTCDay() <= 5 && local.getUTCHours() >= from && local.getUTCHours() < to
}

test('business hours are those of the zone, whatever the day of the week in UTC', async () => {
  const two = (number: number): string => String(number).padStart(2, '0')
  for (const [from, to, minutes] of [
    [9, 17, 0],
    [0, 23, 14 * 60],
    [8, 18, -12 * 60],
    [9, 17, 330],
    [9, 17, -570],
  ] as const) {
    const away = Math.abs(minutes)
    const zone = `${minutes < 0 ? '-' : '+'}${two(Math.floor(away / 60))}${two(away % 60)}`
    const filled = fillTemplate('business-hours', {
      server: ['https://s'],
      from: [two(from)],
      to: [two(to)],
      zone: [zone],
    })
    const open = '@id("open") permit (principal, action, resource);'
    const snapshot = await compilePolicySet(sourceOf(filled, [{ name: 'open.cedar', text: open }]))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2027, 0, 1) }), async (now) => {
        const facts = { agent: { id: 'agt_1' }, person: { id: 'usr_1' }, server: { resource: 'https://s' }, now }
        const grant = [{ server: 'https://s', tools: ['t'] }]
        const scene = sceneOf({ ...facts, grant, tool: { name: 't' }, method: 'tools/call' })
        const { decision } = await askScene(snapshot, scene)
        assert.equal(decision.effect === 'granted', isOpen(now, from, to, minutes), new Date(now).toISOString())
      }),
      { numRuns: 200 },
    )
  }
})

test('business hours that end before they begin, or when they begin, would never permit: refused, with a sentence', () => {
  const hours = (given: Record<string, string>) =>
    fillTemplate('business-hours', {
      server: ['https://s'],
      ...Object.fromEntries(Object.entries(given).map(([flag, value]) => [flag, [value]])),
    })
  for (const given of [{ from: '22', to: '06' }, { from: '09', to: '09' }, { from: '17' }, { to: '09' }])
    assert.throws(() => hours(given), { code: 'template_value', message: /--to: .* is not after --from/ })
  for (const given of [{ from: '09', to: '10' }, { from: '00', to: '23' }, {}]) assert.ok(hours(given).cedar)
})
