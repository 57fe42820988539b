import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IntentRecord, LedgerRecord, RefusalRecord } from '@credence/model'
import { compilePolicySet } from '../compile-set.ts'
import { createDecider } from '../decider.ts'
import { quickstartPolicies } from '../index.ts'
import type { PolicySource } from '../source.ts'
import { AGENT, ALICE, caller, clock, FILES, ISSUER, operation, random, registry } from '../testing/facts.ts'
import { type DecidedRecord, isDecided } from './recorded.ts'
import { lookAt, type Replayed, replay } from './what-if.ts'

const quickstart = quickstartPolicies()
const withMore = (text: string, schema?: string): PolicySource => ({
  files: [...quickstart.files, { name: 'zz.cedar', text }],
  ...(schema === undefined ? {} : { schema: { name: 'schema.cedarschema', text: schema } }),
})
const old = await lookAt(await compilePolicySet(quickstart))

const base = { v: 1, domain: caller().domain, at: 1, emitter: 'e', seq: 1, resource: FILES, client: AGENT } as const
const actors = caller().actors.map(({ party, agent }) => ({ ...party, ...(agent === undefined ? {} : { agent }) }))

const CODES = { refused: 'policy_refused', pending: 'approval_required' } as const

/** What the guard would have written of this call under these policies. */
const recordOf = async (
  name: string,
  from: PolicySource = quickstart,
  facts: Parameters<typeof caller>[0] = {},
  args: Record<string, unknown> = {},
): Promise<DecidedRecord> => {
  const snapshot = await compilePolicySet(from)
  const who = caller(facts)
  const labels = registry.tool(FILES, name) ?? {}
  const asked = operation({ name, labels, arguments: args as never, consequential: name !== 'weather' })
  const decided = await createDecider({ snapshot, registry, random, clock, issuer: ISSUER }).decide(asked, who)
  const { id, policies, policyVersion, reason } = decided
  const decision = { id, policies, version: policyVersion, reason }
  const common = { ...base, method: 'tools/call', name, op: 'o', subject: ALICE, actors, decision, jti: 'j' }
  return decided.effect === 'granted'
    ? ({
        ...common,
        id: 'rec_1',
        kind: 'intent',
        operation: 'opn_1',
        proof: who.proof,
        deadline: 2,
      } as unknown as IntentRecord & DecidedRecord)
    : ({ ...common, id: 'rec_1', kind: 'refusal', code: CODES[decided.effect], reason } as unknown as RefusalRecord &
        DecidedRecord)
}

const under = async (
  record: DecidedRecord,
  source: PolicySource,
  before = async (version: string) => (version === old.snapshot.version ? old : undefined),
  view = registry,
): Promise<Replayed> =>
  replay(record, { issuer: ISSUER, registry: view, next: await lookAt(await compilePolicySet(source)), before })

const short = ({ was, becomes, by, why }: Replayed) => [was, becomes, [...by], why]

test('the same policies change nothing', async () => {
  for (const [name, facts] of [
    ['read_file', {}],
    ['weather', { proof: 'none' }],
    ['read_file', { proof: 'none' }],
    ['other', {}],
  ] as const) {
    const record = await recordOf(name, quickstart, facts)
    const { was, becomes, why } = await under(record, quickstart)
    assert.equal(becomes, was, `${name} ${why}`)
  }
})

test('a forbid that is new turns a yes, a permit that goes turns it too, and one that is new turns a no', async () => {
  const call = await recordOf('read_file')
  const forbidden = withMore(
    '@id("no") forbid (principal, action == Action::"tools/call", resource is Tool) when { resource.name == "read_file" };',
  )
  assert.deepEqual(short(await under(call, forbidden)), ['allow', 'deny', ['no'], undefined])
  assert.deepEqual(short(await under(await recordOf('weather'), forbidden)), [
    'allow',
    'allow',
    ['granted-tools'],
    undefined,
  ])
  const nothing = { files: [{ name: 'a.cedar', text: '// nothing' }] }
  assert.deepEqual(short(await under(call, nothing)), ['allow', 'deny', [], undefined])
  const before = await lookAt(await compilePolicySet(nothing))
  const refusal = await recordOf('read_file', nothing)
  const open = withMore('')
  assert.deepEqual(
    short(
      await under(
        refusal,
        { ...open, files: [{ name: 'a.cedar', text: '@id("yes") permit (principal, action, resource);' }] },
        async () => before,
      ),
    ),
    ['deny', 'allow', ['yes'], undefined],
  )
})

test('what depends on arguments, scopes or an unrecorded proof cannot be told', async () => {
  const schema = 'type Arguments = { amount?: Long };'
  const call = await recordOf('read_file')
  const limited = withMore(
    '@id("limit") forbid (principal, action == Action::"tools/call", resource is Tool) unless { context has arguments && context.arguments has amount && context.arguments.amount < 5 };',
    schema,
  )
  const told = await under(call, limited)
  assert.equal(told.becomes, undefined)
  assert.match(told.why ?? '', /unreadable-arguments, limit reads arguments|limit/)
  const scoped = withMore('@id("s") forbid (principal, action, resource) when { context.scopes.contains("x") };')
  assert.equal((await under(call, scoped)).becomes, undefined)
  const refusal = await recordOf('read_file', quickstart, { proof: 'none' })
  const lenient = {
    files: quickstart.files.map(({ name, text }) => ({
      name,
      text: text.replace('@id("bearer-consequential")', '@id("renamed")'),
    })),
  }
  assert.equal((await under(refusal, lenient)).becomes, undefined, 'a refusal does not say how the key was proved')
})

test('a policy that did not change says what the record says of it', async () => {
  const schema = 'type Arguments = { amount?: Long };'
  const from = withMore(
    '@id("limit") forbid (principal, action == Action::"tools/call", resource is Tool) unless { context has arguments && context.arguments has amount && context.arguments.amount < 5 };',
    schema,
  )
  const before = await lookAt(await compilePolicySet(from))
  const call = await recordOf('read_file', from, {}, { amount: 3 })
  assert.equal(call.kind, 'intent')
  const same = await under(
    call,
    { ...from, files: [...from.files, { name: 'zzz.cedar', text: '// more' }] },
    async () => before,
  )
  assert.deepEqual(short(same), ['allow', 'allow', ['granted-tools'], undefined])
  const tighter = {
    ...from,
    files: from.files.map(({ name, text }) => ({ name, text: text.replace('amount < 5', 'amount < 2') })),
  }
  assert.equal((await under(call, tighter, async () => before)).becomes, undefined)
  const otherTypes = {
    ...from,
    schema: { name: 'schema.cedarschema', text: 'type Arguments = { amount?: Long, to?: String };' },
  }
  assert.equal(
    (await under(call, otherTypes, async () => before)).becomes,
    undefined,
    'another schema reads arguments otherwise',
  )
})

test('facts that have changed since, and sets that are not kept, are said and not guessed over', async () => {
  const call = await recordOf('read_file')
  const suspended = { ...registry, agent: (id: string) => ({ id, status: 'suspended', role: 'agent' }) as const }
  assert.match((await under(call, quickstart, undefined, suspended)).why ?? '', /have changed since/)
  assert.match(
    (await under(call, quickstart, undefined, { ...registry, agent: () => undefined })).why ?? '',
    /not registered any more/,
  )
  assert.match((await under(call, quickstart, async () => undefined)).why ?? '', /not kept/)
  const onAuthority = { ...call, resource: `${ISSUER}/v1` }
  assert.match((await under(onAuthority, quickstart)).why ?? '', /act on the authority/)
})

test('only what policies or a grant decided is replayed', async () => {
  const call = await recordOf('read_file')
  assert.ok(isDecided(call as LedgerRecord))
  const later = { ...(await recordOf('read_file', quickstart, { proof: 'none' })), code: 'revoked' } as LedgerRecord
  assert.equal(isDecided(later), false, 'granted, and refused for another reason')
  const ping = { ...call, decision: { ...call.decision, policies: ['builtin:pass-through'] } } as LedgerRecord
  assert.equal(isDecided(ping), false)
})

test('what a person would be asked from now on, and no longer, is told', async () => {
  const asks = withMore(
    '@id("asks") @ask("person") permit (principal, action == Action::"tools/call", resource is Tool);',
  )
  const call = await recordOf('read_file')
  assert.deepEqual(short(await under(call, asks)), ['allow', 'ask', ['granted-tools', 'asks'], undefined])
  const set = await lookAt(await compilePolicySet(asks))
  const asked = await recordOf('read_file', asks)
  const before = async (version: string) => (version === set.snapshot.version ? set : undefined)
  assert.deepEqual(short(await under(asked, asks, before)), ['ask', 'ask', ['granted-tools', 'asks'], undefined])
  assert.deepEqual(short(await under(asked, quickstart, before)), ['ask', 'allow', ['granted-tools'], undefined])
  const small = withMore(
    '@id("asks") @ask("person") permit (principal, action == Action::"tools/call", resource is Tool) when { context has arguments && context.arguments has amount && context.arguments.amount > 5 };',
    'type Arguments = { amount?: Long };',
  )
  assert.equal((await under(call, small)).becomes, undefined, 'whether it asks depends on what was not recorded')
})

test('a decision is made again at the time of its record', async () => {
  const hours = withMore(
    '@id("late") forbid (principal, action, resource) when { context.now >= datetime("2026-01-07T17:00:00Z") };',
  )
  const call = await recordOf('read_file')
  assert.equal((await under({ ...call, at: Date.UTC(2026, 0, 7, 16, 59) }, hours)).becomes, 'allow')
  assert.deepEqual(short(await under({ ...call, at: Date.UTC(2026, 0, 7, 17) }, hours)), [
    'allow',
    'deny',
    ['late'],
    undefined,
  ])
})

test('where others were asked too, what counts is what our own policies said; where they were not asked, nothing is told', async () => {
  const own = await recordOf('read_file')
  const by = (...said: readonly (readonly [string, string, string])[]) =>
    said.map(([point, effect, version]) => ({ point, request: 'dec_1', effect, version }))
  const asked = (points: ReturnType<typeof by>): DecidedRecord =>
    ({
      ...own,
      kind: 'refusal',
      code: 'policy_refused',
      decision: {
        ...own.decision,
        version: `${own.decision.version}+7`,
        policies: [...own.decision.policies, 'company/x'],
        by: points,
      },
    }) as unknown as DecidedRecord
  const beside = asked(by(['own', 'granted', own.decision.version], ['company', 'refused', '7']))
  assert.deepEqual(short(await under(beside, quickstart)).slice(0, 2), ['allow', 'allow'])
  const shut = withMore('@id("shut") forbid (principal, action == Action::"tools/call", resource);')
  assert.deepEqual(short(await under(beside, shut)).slice(0, 2), ['allow', 'deny'])
  const instead = await under(asked(by(['company', 'refused', '7'])), quickstart)
  assert.deepEqual([instead.becomes, instead.why], [undefined, 'another decision point decided it alone'])
})
