/** One deadline over everything, several questions for one operation, and who said what. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refused } from '@credence/kit'
import { createSafeFetch, type SafeFetch, type SafeResponse } from '@credence/kit/fetch'
import { nodeClock } from '@credence/kit/node'
import type { CallerFacts, Operation } from '@credence/model'
import { listen } from '../testing/door-contract.ts'
import { random } from '../testing/world.ts'
import { type AuthZenDeciderOptions, bothMustPermit, createAuthZenDecider } from './authzen.ts'

const operation = {
  op: 'o',
  method: 'tools/call',
  name: 'move',
  resource: 'r',
  arguments: {},
  labels: {},
} as unknown as Operation
const caller = { subject: { iss: 'i', sub: 's' }, actors: [], scope: [], clientId: 'agt_1' } as unknown as CallerFacts
const TOOK = 1_000

/** It must have refused soon after its time was over, whatever it waited for. */
const refusesInTime = async (options: AuthZenDeciderOptions): Promise<void> => {
  const started = performance.now()
  await assert.rejects(async () => createAuthZenDecider(options).decide(operation, caller), {
    code: 'decider_unavailable',
  })
  assert.ok(performance.now() - started < TOOK)
}

const never = () => new Promise<never>(() => undefined)
const answering =
  (body: string, delay = 0): SafeFetch =>
  async (url): Promise<SafeResponse> => {
    await new Promise((resolve) => setTimeout(resolve, delay))
    return { status: 200, headers: {}, bytes: Buffer.from(body), url }
  }
const YES = '{"decision":true}'

describe('one deadline', () => {
  test('credentials that are never there, a fetch that never answers, words that are never found', async () => {
    const common = { url: 'https://pdp.example/e', random, timeoutMs: 60 }
    await refusesInTime({ ...common, fetch: answering(YES), headers: never })
    await refusesInTime({ ...common, fetch: never })
    await refusesInTime({ ...common, fetch: answering(YES), request: never })
  })

  test('discovery and evaluation share it: each alone is in time, both together are not', async () => {
    const fetch: SafeFetch = async (url, request) => {
      const metadata = {
        policy_decision_point: 'https://pdp.example',
        access_evaluation_endpoint: 'https://pdp.example/e',
      }
      return answering(url.endsWith('/e') ? YES : JSON.stringify(metadata), 70)(url, request)
    }
    const options = { decisionPoint: 'https://pdp.example', clock: nodeClock, random, fetch }
    await refusesInTime({ ...options, timeoutMs: 100 })
    const patient = createAuthZenDecider({ ...options, timeoutMs: 100 })
    await assert.rejects(async () => patient.decide(operation, caller))
    // What was found meanwhile is known now.
    assert.equal((await patient.decide(operation, caller)).effect, 'granted')
  })

  test('credentials that are late do not send the question afterwards', async () => {
    let sent = 0
    const pdp = await listen((_request, response) => {
      sent += 1
      response.writeHead(200, { 'content-type': 'application/json' }).end(YES)
    })
    const fetch = createSafeFetch({ clock: nodeClock, allowPrivate: [new URL(pdp.origin).host] })
    const headers = () => new Promise<Record<string, string>>((resolve) => setTimeout(() => resolve({}), 120))
    await refusesInTime({ url: pdp.origin, fetch, random, timeoutMs: 50, headers })
    await new Promise((resolve) => setTimeout(resolve, 150))
    assert.equal(sent, 0)
    await pdp.close()
    await fetch.close()
  })
})

describe('several questions for one operation', () => {
  const question = (id: string) => ({
    subject: { type: 'identity', id: 's' },
    action: { name: 'read' },
    resource: { type: 'folder', id },
  })
  const decide = async (ids: readonly string[], no: string, obligations = '[]') => {
    const asked: [string, string][] = []
    const fetch: SafeFetch = async (url, request) => {
      const { resource } = JSON.parse(String(request?.body)) as { resource: { id: string } }
      asked.push([resource.id, request?.headers?.['x-request-id'] ?? ''])
      return answering(`{"decision":${resource.id !== no},"context":{"obligations":${obligations}}}`)(url)
    }
    const decider = createAuthZenDecider({
      url: 'https://pdp.example/e',
      random,
      fetch,
      request: () => ids.map(question),
    })
    return { decision: await decider.decide(operation, caller), asked }
  }

  test('granted only if each is permitted; the obligations of all count; each has a name of its own', async () => {
    const demand = '[{"id":"1","type":"custom","properties":{}}]'
    const { decision, asked } = await decide(['a', 'b'], 'none', demand)
    assert.deepEqual([decision.effect, decision.obligations.length], ['granted', 2])
    assert.deepEqual(
      asked.map(([id, name]) => [id, name.replace(decision.id, 'dec')]),
      [
        ['a', 'dec-1'],
        ['b', 'dec-2'],
      ],
    )
    for (const no of ['a', 'b']) assert.equal((await decide(['a', 'b'], no)).decision.effect, 'refused')
    assert.equal((await decide(['a', 'b'], 'a')).asked.length, 1)
  })

  test('none, too many, and words that cannot be made are no permission', async () => {
    await assert.rejects(decide([], 'none'), { code: 'decider_unavailable' })
    await assert.rejects(decide(Array.from({ length: 17 }, String), 'none'), { code: 'decider_unavailable' })
    const request = () => {
      throw refused('coaz_mapping_failed', 'No.')
    }
    const decider = createAuthZenDecider({ url: 'https://pdp.example/e', random, fetch: answering(YES), request })
    await assert.rejects(async () => decider.decide(operation, caller), { code: 'coaz_mapping_failed' })
  })
})

test('who said what: the point by its name, our own beside it, and the name of the question', async () => {
  const theirs = createAuthZenDecider({
    url: 'https://pdp.example/e',
    name: 'company',
    random,
    fetch: answering('{"decision":false,"context":{"version":"7"}}'),
  })
  const alone = await theirs.decide(operation, caller)
  assert.deepEqual(alone.by, [{ point: 'company', request: alone.id, effect: 'refused', version: '7' }])
  const ours = {
    decide: () => ({
      id: 'dec_1' as never,
      effect: 'granted' as const,
      policies: ['a'],
      policyVersion: 'v',
      reason: '',
      errors: [],
      obligations: [],
    }),
  }
  const both = await bothMustPermit(ours, theirs).decide(operation, caller)
  assert.deepEqual(
    both.by?.map(({ point, effect, version }) => [point, effect, version]),
    [
      ['own', 'granted', 'v'],
      ['company', 'refused', '7'],
    ],
  )
})
