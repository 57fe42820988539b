import assert from 'node:assert/strict'
import { test } from 'node:test'
import { knownReading } from './cedar/known-readings.ts'
import type { FoundPolicy, ReadAnswer, ReadJob } from './cedar/messages.ts'
import { readTexts } from './cedar/read-text.ts'
import { compilePolicySet, createDecider, type PolicySource } from './index.ts'
import { readWithMemory } from './read-memory.ts'
import { caller, clock, ISSUER, operation, random, registry } from './testing/facts.ts'

const permit = (condition: string): string => `permit (principal, action, resource) when { ${condition} };`
const SCHEMA = 'entity U; entity R; action a appliesTo { principal: U, resource: R };'

const reader = () => {
  const asked: string[][] = []
  const read = (job: Omit<ReadJob, 'kind'>): Promise<ReadAnswer> => {
    asked.push([...job.policies])
    return Promise.resolve(readTexts({ kind: 'read', ...job }))
  }
  return { asked, read }
}

test('only what is new is read and compiled; the rest keeps its closures', async () => {
  const { asked, read } = reader()
  const [one, two, three] = [permit('1 == 1'), permit('2 == 2'), permit('3 == 3')]
  const first = await readWithMemory({ schema: SCHEMA, policies: [one, two] }, read)
  const second = await readWithMemory({ schema: SCHEMA, policies: [three, one] }, read)
  assert.deepEqual(asked, [[one, two], [three]])
  assert.equal(second.policies[1]?.parsed?.body, first.policies[0]?.parsed?.body)
  await readWithMemory({ schema: SCHEMA, policies: [one] }, read)
  assert.equal(asked.length, 2, 'nothing is new')
  await readWithMemory({ schema: SCHEMA, policies: [one, two] }, read)
  assert.deepEqual(asked[2], [two], 'what the set before did not hold is forgotten')
  await readWithMemory({ schema: `${SCHEMA} entity V;`, policies: [one] }, read)
  assert.deepEqual(asked[3], [one], 'another schema may judge otherwise')
})

test('a schema that does not parse is not remembered', async () => {
  const { asked, read } = reader()
  const policies = [permit('4 == 4')]
  for (let round = 0; round < 2; round++) {
    assert.equal((await readWithMemory({ schema: 'entity {', policies }, read)).schema, undefined)
  }
  assert.equal(asked.length, 2)
})

test('the same text twice is read once and stands twice', async () => {
  const { asked, read } = reader()
  const { policies } = await readWithMemory({ schema: SCHEMA, policies: [permit('5 == 5'), permit('5 == 5')] }, read)
  assert.deepEqual([asked[0]?.length, policies.length], [1, 2])
})

test('integers beyond 2^53 are read exactly', async () => {
  const bodies = [
    '9223372036854775807 == 1',
    '-9223372036854775808 == 1',
    '4503599627370497 + 9007199254740993 == 9007199254740994',
    '"9007199254740993" == "" || 9007199254740993 == -9007199254740993',
  ]
  const { policies } = readTexts({ kind: 'read', schema: SCHEMA, policies: bodies.map(permit) })
  const digits = ({ json }: FoundPolicy) => [...(json ?? '').matchAll(/"__long":"(-?\d+)"/g)].map(([, long]) => long)
  assert.deepEqual(policies.map(digits), [
    ['9223372036854775807'],
    ['-9223372036854775808'],
    ['9007199254740993', '9007199254740994'],
    ['9007199254740993', '-9007199254740993'],
  ])
  const tooLarge = readTexts({ kind: 'read', schema: SCHEMA, policies: [permit('9223372036854775808 == 1')] })
  assert.match(tooLarge.policies[0]?.errors[0]?.message ?? '', /too large/)
})

test('what ships is known without links only', () => {
  assert.equal(knownReading({ schema: SCHEMA, policies: [], links: [] }), undefined)
})

test('sets are replaced at once and never mixed, while decisions go on', async () => {
  const source = (round: number): PolicySource => ({
    files: [
      {
        name: 'a.cedar',
        text: Array.from(
          { length: 50 },
          (_, index) =>
            `@id("v${round}-${index}") permit (principal, action, resource is Tool) when { ${index} < 50 };`,
        ).join('\n'),
      },
    ],
  })
  const decider = createDecider({
    snapshot: await compilePolicySet(source(0)),
    registry,
    random,
    clock,
    issuer: ISSUER,
  })
  const versions = new Map([[decider.snapshot.version, 'v0-']])
  let going = true
  const replacing = (async () => {
    for (let round = 1; round <= 8; round++) {
      const snapshot = await compilePolicySet(source(round))
      versions.set(snapshot.version, `v${round}-`)
      decider.activate(snapshot)
    }
    going = false
  })()
  let decided = 0
  while (going) {
    const decision = await decider.decide(operation(), caller())
    const prefix = versions.get(decision.policyVersion) ?? '?'
    assert.equal(decision.policies.length, 50)
    assert.ok(decision.policies.every((id) => id.startsWith(prefix)))
    decided++
    await new Promise((resolve) => setImmediate(resolve))
  }
  await replacing
  assert.ok(decided > 10 && versions.size === 9)
})
