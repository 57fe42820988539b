/**
 * Each control is taken away by injection, and the attack it stops must then succeed: proof that the tests of it bite.
 * Nothing in the product can take a control away; these are the ports themselves, made useless.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CallerFacts, revocationKey } from '@credence/model'
import { createPipeline, type PipelineDeps } from './pipeline.ts'
import {
  AGENT,
  DOMAIN,
  factsOf,
  ISSUER,
  proofBy,
  RESOURCE,
  random,
  testPipelineDeps,
  testTokens,
} from './testing/world.ts'
import { createTokenAuthenticator, type TokenAuthenticatorOptions } from './token/authenticator.ts'
import { staticKeys } from './token/key-source.ts'

const succeeds = async (attempt: () => unknown): Promise<boolean> => {
  try {
    await attempt()
    return true
  } catch {
    return false
  }
}

describe('proofs and tokens', () => {
  const tokens = (without: Partial<TokenAuthenticatorOptions>) => {
    const world = testTokens()
    const keys = staticKeys({ [world.issuer.kid]: world.issuer.keys.publicKey })
    const issuers = [{ issuer: ISSUER, keys, domain: DOMAIN }]
    const { clock, once, revocations, client, issuer } = world
    const authenticator = createTokenAuthenticator({ issuers, clock, random, once, revocations, ...without })
    const ask = (token: string, proof = proofBy(client, clock.now, { token }), scheme = 'DPoP') => ({
      method: 'POST',
      url: RESOURCE,
      resource: RESOURCE,
      authorization: [`${scheme} ${token}`],
      dpop: scheme === 'DPoP' ? [proof] : [],
    })
    return { ...world, authenticator, ask, issuer }
  }

  const replay = async (without: Partial<TokenAuthenticatorOptions>): Promise<boolean> => {
    const { authenticator, ask, issuer, clock } = tokens(without)
    clock.advance(6000)
    const one = ask(issuer.token())
    await authenticator.authenticate(one)
    return succeeds(() => authenticator.authenticate(one))
  }
  test('replay: `once`', async () => {
    assert.equal(await replay({}), false)
    assert.equal(await replay({ once: { claim: async () => true } }), true)
  })

  const earlyProof = (without: Partial<TokenAuthenticatorOptions>): Promise<boolean> => {
    const { authenticator, ask, issuer } = tokens(without)
    return succeeds(() => authenticator.authenticate(ask(issuer.token())))
  }
  test('a proof from before the start: the fence', async () => {
    assert.equal(await earlyProof({}), false)
    assert.equal(await earlyProof({ fence: false }), true)
  })

  const bearer = (without: Partial<TokenAuthenticatorOptions>): Promise<boolean> => {
    const { authenticator, ask, issuer, clock } = tokens(without)
    const iat = Math.floor(clock.now() / 1000)
    const token = issuer.token({ cnf: undefined, iat, exp: iat + 120 })
    return succeeds(() => authenticator.authenticate(ask(token, '', 'Bearer')))
  }
  test('a token without a key: the exception that is off', async () => {
    assert.equal(await bearer({}), false)
    assert.equal(await bearer({ bearer: () => true }), true)
  })

  const oldProof = (without: Partial<TokenAuthenticatorOptions>): Promise<boolean> => {
    const { authenticator, ask, issuer, clock, client } = tokens(without)
    clock.advance(120_000)
    const token = issuer.token()
    const proof = proofBy(client, () => clock.now() - 100_000, { token })
    return succeeds(() => authenticator.authenticate(ask(token, proof)))
  }
  test('an old proof: the window', async () => {
    assert.equal(await oldProof({}), false)
    assert.equal(await oldProof({ window: { pastSeconds: 200, futureSeconds: 5 } }), true)
  })
})

describe('the pipeline', () => {
  type Deps = ReturnType<typeof testPipelineDeps>
  const run = (spoil: (deps: Deps) => void, without: (deps: Deps) => Partial<PipelineDeps<CallerFacts>>) => {
    const deps = testPipelineDeps()
    const pipeline = createPipeline<CallerFacts>({ ...deps, ...without(deps) })
    spoil(deps)
    const map = () => ({ resource: RESOURCE, method: 'tools/call', name: 'read', arguments: {} })
    return succeeds(() => pipeline({ input: factsOf(deps.clock), map, send: () => ({ value: 1 }) }))
  }
  const nothing = () => ({})
  const never = { revoked: false, revokedBy: undefined }
  const controls: [string, (deps: Deps) => void, (deps: Deps) => Partial<PipelineDeps<CallerFacts>>][] = [
    [
      'revocation',
      (deps) => deps.revocations.revoke(revocationKey.agent(AGENT), 5),
      () => ({ authenticator: { authenticate: (facts) => ({ facts, revocation: never }) } }),
    ],
    ['lease', (deps) => (deps.revocations.leaseIs = 'stale'), () => ({ revocations: { lease: () => 'fresh' } })],
    [
      'decision',
      (deps) => (deps.decider.answer = { effect: 'refused' }),
      (deps) => ({
        decider: { decide: async (...of) => ({ ...(await deps.decider.decide(...of)), effect: 'granted' }) },
      }),
    ],
    [
      'obligation',
      (deps) => (deps.decider.answer = { obligations: [{ id: '1', type: 'x', properties: {} }] }),
      () => ({ obligations: { met: () => true } }),
    ],
    [
      'record',
      (deps) => (deps.recorder.down = true),
      (deps) => ({ recorder: { ...deps.recorder, intent: async () => ({ id: 'r', index: 0, leaf: '' }) } }),
    ],
  ]
  for (const [name, spoil, without] of controls)
    test(`${name}: stops the call, and without it the call goes through`, async () => {
      assert.equal(await run(spoil, nothing), false)
      assert.equal(await run(spoil, without), true)
    })
})
