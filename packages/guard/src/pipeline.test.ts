/** One guarded call: each control is tried with it and without it, so that a test of it can be seen to bite. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCredenceError, refused, unavailable } from '@credence/kit'
import { type CallerFacts, revocationKey } from '@credence/model'
import { type Call, createPipeline, type PipelineDeps } from './pipeline.ts'
import type { Debt } from './ports.ts'
import { refusalFacts } from './refusal.ts'
import type { Mapping } from './stages/operation.ts'
import { isWire, type Release } from './stages/outcome.ts'
import { AGENT, factsOf, RESOURCE, testPipelineDeps } from './testing/world.ts'

const setUp = (more: Partial<PipelineDeps<CallerFacts>> = {}) => {
  const deps = testPipelineDeps()
  const released: Release[] = []
  const pipeline = createPipeline<CallerFacts>({ ...deps, ...more })
  const mapping: Mapping = { resource: RESOURCE, method: 'tools/call', name: 'read', arguments: { path: '/a' } }
  const call = (over: Partial<Call<CallerFacts, string>> & { mapping?: Partial<Mapping> } = {}): Promise<string> =>
    pipeline<string>({
      input: factsOf(deps.clock),
      map: () => ({ ...mapping, ...over.mapping }),
      send: (release) => {
        released.push(release)
        return { value: 'result' }
      },
      ...over,
    })
  return { ...deps, call, released }
}
type World = ReturnType<typeof setUp>

const failsWith = async (attempt: Promise<unknown>, code: string, kind = 'refused', status?: number): Promise<void> => {
  await assert.rejects(attempt, (error) => {
    assert.ok(isCredenceError(error), String(error))
    assert.equal(error.code, code)
    assert.equal(error.kind, kind)
    if (status !== undefined) assert.equal(error.status, status)
    return true
  })
}

/** Nothing left, and somebody can read later that it was refused. */
const nothingHappened = ({ released, recorder }: World, code: string): void => {
  assert.equal(released.length, 0)
  assert.deepEqual(
    recorder.refusals.map((refusal) => refusal.code),
    [code],
  )
}

describe('an allowed call', () => {
  test('is decided, recorded before and after, and released once', async () => {
    const world = setUp()
    assert.equal(await world.call(), 'result')
    const [intent] = world.recorder.intents
    const [outcome] = world.recorder.outcomes
    assert.equal(world.released.length, 1)
    assert.equal(intent?.op, world.released[0]?.operation.op)
    assert.equal(intent?.decision.version, 'v1')
    assert.equal(intent?.actors[0]?.agent, AGENT)
    assert.equal(outcome?.intent, world.released[0]?.intent)
    assert.equal(outcome?.status, 'done')
    assert.equal(world.recorder.refusals.length, 0)
  })

  test('the same thing asked twice has one op and two ids', async () => {
    const world = setUp()
    await world.call()
    await world.call()
    const [a, b] = world.released
    assert.equal(a?.operation.op, b?.operation.op)
    assert.notEqual(a?.operation.id, b?.operation.id)
    await world.call({ mapping: { arguments: { path: '/b' } } })
    assert.notEqual(world.released[2]?.operation.op, a?.operation.op)
  })

  test('no record holds a raw argument or undefined', async () => {
    const world = setUp()
    await world.call({ mapping: { arguments: { secret: 'canary-7' } } })
    const written = JSON.stringify(world.recorder.intents)
    assert.ok(!written.includes('canary-7'))
    for (const entry of world.recorder.intents) assert.ok(Object.values(entry).every((value) => value !== undefined))
  })

  test('the outcome waits for the end of a stream', async () => {
    const world = setUp()
    let end: (value: { status: 'done'; result: string }) => void = () => undefined
    const completion = new Promise<{ status: 'done'; result: string }>((resolve) => {
      end = resolve
    })
    await world.call({ send: () => ({ value: 'streaming', completion }) })
    assert.equal(world.recorder.outcomes.length, 0)
    world.clock.advance(40)
    end({ status: 'done', result: 'hash' })
    await completion
    await Promise.resolve()
    assert.equal(world.recorder.outcomes[0]?.ms, 40)
    assert.equal(world.recorder.outcomes[0]?.result, 'hash')
  })

  test('what send throws is the outcome, not a refusal', async () => {
    const world = setUp()
    const send = () => Promise.reject(unavailable('upstream_down', 'The upstream does not answer.'))
    await failsWith(world.call({ send }), 'upstream_down', 'unavailable')
    assert.deepEqual(
      world.recorder.outcomes.map(({ status, code }) => [status, code]),
      [['unknown', 'upstream_down']],
    )
    assert.equal(world.recorder.refusals.length, 0)
    await failsWith(world.call({ send: () => Promise.reject(new TypeError('ours')) }), 'unexpected', 'bug', 500)
  })
})

describe('authenticate', () => {
  test('a revoked caller: refused before anything else is asked', async () => {
    const world = setUp()
    world.revocations.revoke(revocationKey.agent(AGENT), 2)
    await failsWith(world.call(), 'token_revoked', 'refused', 401)
    assert.equal(world.decider.asked.length, 0)
    nothingHappened(world, 'token_revoked')
  })

  test('a door whose authenticator forgets the handle still refuses', async () => {
    const deps = testPipelineDeps()
    const forgetful = { authenticate: (facts: CallerFacts) => ({ facts, revocation: {} as never }) }
    const world = setUp({ ...deps, authenticator: forgetful })
    await failsWith(world.call(), 'token_revoked')
  })

  test('an unknown caller leaves no record', async () => {
    const authenticator = {
      authenticate: () => Promise.reject(refused('token_missing', 'An access token is needed.', { status: 401 })),
    }
    const world = setUp({ authenticator })
    await failsWith(world.call(), 'token_missing', 'refused', 401)
    assert.equal(world.recorder.refusals.length, 0)
  })
})

describe('map', () => {
  test('what it throws is recorded with the caller', async () => {
    const world = setUp()
    const map = () => {
      throw refused('mcp_method_unknown', 'This method is not known.', { status: 404 })
    }
    await failsWith(world.call({ map }), 'mcp_method_unknown')
    nothingHappened(world, 'mcp_method_unknown')
  })

  test('another resource than the token is for: our bug, and nothing happens', async () => {
    const world = setUp()
    await failsWith(world.call({ mapping: { resource: 'https://api.example/mcp/mail' } }), 'resource_mismatch', 'bug')
    assert.equal(world.released.length, 0)
  })

  test('the operation is frozen all the way down', async () => {
    const world = setUp()
    const args = { list: [{ path: '/a' }] }
    await world.call({ mapping: { arguments: args } })
    assert.throws(() => {
      const [first] = args.list
      if (first !== undefined) first.path = '/etc/passwd'
    }, TypeError)
    assert.ok(Object.isFrozen(world.released[0]?.operation.labels))
  })

  test('bytes changed after the decision are not the bytes that are sent', async () => {
    const world = setUp()
    const wire = Buffer.from('{"path":"/a"}')
    world.decider.answer = async () => {
      wire.fill(0x20)
      throw new Error('unused')
    }
    const decider = {
      decide: (operation: Parameters<World['decider']['decide']>[0]) => {
        operation.wire?.fill(0x20)
        return {
          id: 'dec_x' as never,
          effect: 'granted' as const,
          policies: [],
          policyVersion: '',
          reason: '',
          errors: [],
          obligations: [],
        }
      },
    }
    const other = setUp({ decider })
    await other.call({ mapping: { wire } })
    const sent = other.released[0]?.wire
    assert.ok(sent !== undefined && isWire(sent))
    assert.equal(Buffer.from(sent).toString(), '{"path":"/a"}')
    assert.equal(isWire(Buffer.from(sent)), false)
  })

  test('consequential unless our labels say that it reads public data', async () => {
    const world = setUp()
    await world.call({ mapping: { labels: { effect: 'read' } } })
    await world.call({ mapping: { labels: { effect: 'read', publicData: true } } })
    assert.deepEqual(
      world.released.map(({ operation }) => operation.consequential),
      [true, false],
    )
  })
})

describe('decide', () => {
  const refusals = [
    ['refused', { effect: 'refused', reason: 'Not on Sundays.' }, 'policy_refused'],
    ['pending', { effect: 'pending' }, 'approval_required'],
    [
      'an obligation that nobody can meet',
      { obligations: [{ id: '1', type: 'redact', properties: {} }] },
      'obligation_unmet',
    ],
  ] as const
  for (const [name, answer, code] of refusals)
    test(`${name}: nothing is released`, async () => {
      const world = setUp()
      world.decider.answer = answer
      await failsWith(world.call(), code)
      nothingHappened(world, code)
      assert.equal(world.recorder.intents.length, 0)
    })

  test('pending says which operation a person must approve', async () => {
    const world = setUp()
    world.decider.answer = { effect: 'pending' }
    await assert.rejects(world.call(), (error) => {
      const op = refusalFacts(error as object).operation?.op ?? 'none'
      assert.ok(isCredenceError(error) && error.message.includes(op))
      return true
    })
  })

  for (const [name, answer] of [
    ['throws', () => Promise.reject(new Error('boom'))],
    ['is unavailable', () => Promise.reject(unavailable('pdp_down', 'x'))],
    ['answers nothing', () => Promise.resolve(undefined as never)],
    ['answers true', () => Promise.resolve(true as never)],
    ['answers an effect nobody knows', () => Promise.resolve({ effect: 'yes', obligations: [] } as never)],
    ['answers a yes without obligations', () => Promise.resolve({ effect: 'granted' } as never)],
  ] as const)
    test(`107: a decider that ${name}`, async () => {
      const world = setUp()
      world.decider.answer = answer
      await assert.rejects(world.call(), (error) => isCredenceError(error) && error.kind !== 'refused')
      assert.equal(world.released.length, 0)
    })

  test('obligations: met only by a plain true', async () => {
    const obligations = [{ id: '1', type: 'mask', properties: {} }]
    for (const [met, ok] of [
      [() => true, true],
      [() => false, false],
      [() => 'true' as never, false],
      [() => Promise.reject(new Error('x')), false],
    ] as const) {
      const world = setUp({ obligations: { met } })
      world.decider.answer = { obligations }
      if (ok) assert.equal(await world.call(), 'result')
      else await failsWith(world.call(), 'obligation_unmet')
    }
  })

  test('obligations: what was demanded and what was skipped stands in the record', async () => {
    const world = setUp({ obligations: { met: () => true } })
    world.decider.answer = {
      obligations: [{ id: '1', type: 'mask', properties: { secret: 'x' } }],
      errors: ['p: overflow'],
    }
    await world.call()
    const { decision } = world.recorder.intents.at(-1) ?? {}
    assert.deepEqual([decision?.obligations, decision?.errors], [['mask'], ['p: overflow']])
  })

  test('obligations: one that never answers is not met', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const world = setUp({ obligations: { met: () => new Promise<boolean>(() => {}) } })
    world.decider.answer = { obligations: [{ id: '1', type: 'mask', properties: {} }] }
    const refused = failsWith(world.call(), 'obligation_unmet')
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
    t.mock.timers.tick(5_000)
    await refused
    assert.equal(world.released.length, 0)
  })

  test('scope: all that is missing is named, the decider is not even asked', async () => {
    const world = setUp()
    await assert.rejects(world.call({ mapping: { scope: ['files.read', 'files.write'] } }), (error) => {
      assert.ok(isCredenceError(error))
      assert.equal(error.standard, 'insufficient_scope')
      assert.deepEqual(refusalFacts(error).scope, ['files.read', 'files.write'])
      return true
    })
    assert.equal(world.decider.asked.length, 0)
    assert.equal(await world.call({ mapping: { scope: ['files.read'] } }), 'result')
  })

  test('authorization_details: another tool or another server than was allowed', async () => {
    const world = setUp()
    const detail = (tools: string[], location = RESOURCE) =>
      factsOf(world.clock, { authorizationDetails: [{ type: 'mcp_tools', locations: [location], tools }] })
    assert.equal(await world.call({ input: detail(['read']) }), 'result')
    await failsWith(world.call({ input: detail(['list', 'Read', 'read ']) }), 'grant_insufficient')
    await failsWith(world.call({ input: detail(['read'], 'https://api.example/mcp/mail') }), 'grant_insufficient')
    assert.equal(await world.call({ input: detail(['list']), mapping: { method: 'tools/list', name: '' } }), 'result')
  })
})

describe('record', () => {
  test('the ledger is down: refused, nothing released', async () => {
    const world = setUp()
    world.recorder.down = true
    await failsWith(world.call(), 'ledger_unavailable', 'unavailable', 503)
    nothingHappened(world, 'ledger_unavailable')
    world.recorder.down = false
    assert.equal(await world.call(), 'result')
  })

  test('what is not consequential goes to the spool, and a full spool refuses', async () => {
    const spool = testPipelineDeps().recorder
    const world = setUp({ spool })
    const mapping = { labels: { effect: 'read', publicData: true } } as const
    world.recorder.down = true
    await world.call({ mapping })
    assert.equal(spool.intents.length, 1)
    assert.equal(spool.outcomes.length, 1)
    spool.down = true
    await failsWith(world.call({ mapping }), 'ledger_unavailable', 'unavailable')
  })

  test('an act that reduces authority goes through, owing its record', async () => {
    const owed: Debt[] = []
    const outbox = {
      owe: (record: Debt['record']) => {
        const debt = { id: `owed-${owed.length}`, record }
        owed.push(debt)
        return debt
      },
    }
    const world = setUp({ outbox })
    world.recorder.down = true
    await failsWith(world.call(), 'ledger_unavailable', 'unavailable')
    assert.equal(await world.call({ mapping: { reduces: true } }), 'result')
    assert.equal(world.released[0]?.debt?.id, 'owed-0')
    assert.equal(world.released[0]?.debt?.record.op, world.released[0]?.operation.op)
    world.recorder.down = false
    await world.call({ mapping: { reduces: true } })
    assert.equal(world.released[1]?.debt, undefined)
    assert.equal(owed.length, 1)
  })

  test('a record names agent and grant that the act concerns; who decides about it sees the caller alone', async () => {
    const world = setUp()
    await world.call({ mapping: { concerns: { client: 'agt_other', grant: 'grt_other' } } })
    const [intent] = world.recorder.intents
    assert.deepEqual([intent?.client, intent?.grant], ['agt_other', 'grt_other'])
    assert.deepEqual(world.released[0]?.caller, factsOf(world.clock))
  })

  test('without an outbox `reduces` opens nothing', async () => {
    const world = setUp()
    world.recorder.down = true
    await failsWith(world.call({ mapping: { reduces: true } }), 'ledger_unavailable', 'unavailable')
  })

  test('an outbox that does not answer refuses', async () => {
    const world = setUp({ outbox: { owe: () => Promise.reject(unavailable('db_down', 'x')) } })
    world.recorder.down = true
    await failsWith(world.call({ mapping: { reduces: true } }), 'db_down', 'unavailable')
    assert.equal(world.released.length, 0)
  })
})

describe('release', () => {
  /** Something happens while the intent is being written. */
  const during = (world: World, event: () => void): void => {
    const { intent } = world.recorder
    world.recorder.intent = async (entry) => {
      const receipt = await intent(entry)
      event()
      return receipt
    }
  }

  test('revoked between the decision and the release: refused, and the intent gets its outcome', async () => {
    const world = setUp()
    during(world, () => world.revocations.revoke(revocationKey.party({ iss: 'https://as.example', sub: 'usr_1' }), 9))
    await failsWith(world.call(), 'token_revoked', 'refused', 401)
    nothingHappened(world, 'token_revoked')
    assert.equal(world.recorder.outcomes[0]?.status, 'failed')
    assert.equal(world.recorder.outcomes[0]?.code, 'token_revoked')
  })

  test('revoked while the upstream credential is fetched: refused', async () => {
    const deps = testPipelineDeps()
    const credentials = {
      headersFor: async () => {
        deps.revocations.revoke(revocationKey.agent(AGENT), 9)
        return { authorization: 'Basic x' }
      },
    }
    const world = setUp({ ...deps, credentials })
    await failsWith(world.call(), 'token_revoked')
    assert.equal(world.released.length, 0)
  })

  test('expired meanwhile: refused', async () => {
    const world = setUp()
    during(world, () => world.clock.advance(305_000))
    await failsWith(world.call(), 'token_expired', 'refused', 401)
    assert.equal(world.released.length, 0)
  })

  test('without a lease it is asked for once more, and what was revoked meanwhile is refused', async () => {
    const world = setUp()
    world.revocations.leaseIs = 'lost'
    world.revocations.renewed = async () => {
      world.revocations.leaseIs = 'fresh'
    }
    assert.equal(await world.call(), 'result')
    world.revocations.leaseIs = 'lost'
    world.revocations.renewed = async () => {
      world.revocations.leaseIs = 'fresh'
      world.revocations.revoke(revocationKey.agent(AGENT), 9)
    }
    await failsWith(world.call(), 'token_revoked', 'refused', 401)
    world.revocations.leaseIs = 'lost'
    world.revocations.renewed = async () => undefined
    await failsWith(setUp({ revocations: world.revocations }).call(), 'lease_lost', 'unavailable')
  })

  const reading = { labels: { effect: 'read', publicData: true } } as const

  test('what a stale lease is enough for waits for no other: reading, and what takes authority away', async () => {
    const world = setUp()
    let waits = 0
    world.revocations.leaseIs = 'stale'
    world.revocations.renewed = async () => {
      waits += 1
    }
    for (const mapping of [reading, { reduces: true }]) assert.equal(await world.call({ mapping }), 'result')
    assert.equal(waits, 0)
    await failsWith(world.call(), 'lease_lost', 'unavailable')
    assert.equal(waits, 1)
  })

  for (const [lease, consequential, others] of [
    ['fresh', true, true],
    ['stale', false, true],
    ['lost', false, false],
    ['whatever', false, false],
  ] as const)
    test(`lease ${lease}: consequential ${consequential}, others ${others}`, async () => {
      const world = setUp()
      world.revocations.leaseIs = lease as 'fresh'
      for (const [mapping, ok] of [
        [{}, consequential],
        [reading, others],
      ] as const)
        if (ok) assert.equal(await world.call({ mapping }), 'result')
        else await failsWith(world.call({ mapping }), 'lease_lost', 'unavailable', 503)
    })

  test('the upstream credential is for the upstream; when it cannot be had, nothing is sent', async () => {
    const world = setUp({ credentials: { headersFor: () => ({ authorization: 'Bearer upstream' }) } })
    await world.call()
    assert.deepEqual(world.released[0]?.headers, { authorization: 'Bearer upstream' })
    const broken = setUp({ credentials: { headersFor: () => Promise.reject(new Error('vault')) } })
    await failsWith(broken.call(), 'credential_unavailable', 'unavailable')
    assert.equal(broken.released.length, 0)
  })
})

test('117: every port that can fail does so in turn; nothing is ever released', async () => {
  const world = setUp()
  const failures: [string, (deps: World) => void][] = [
    ['decider', (deps) => (deps.decider.answer = () => Promise.reject(new Error('x')))],
    ['recorder', (deps) => (deps.recorder.down = true)],
    ['lease', (deps) => (deps.revocations.leaseIs = 'lost')],
    ['feed', (deps) => (deps.revocations.down = true)],
  ]
  assert.equal(await world.call(), 'result')
  for (const [name, fail] of failures) {
    const broken = setUp()
    fail(broken)
    await assert.rejects(broken.call(), isCredenceError, name)
    assert.equal(broken.released.length, 0, name)
  }
})
