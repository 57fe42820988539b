/** Every vector of the interoperability scenarios, replayed. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { attempt, type Check } from '../suite.ts'
import { readVector } from '../vectors.ts'
import type { AuthZenServer } from './server.ts'

const Evaluations = z.object({
  evaluation: z.array(z.object({ request: z.looseObject({}), expected: z.boolean() })),
  evaluations: z
    .array(z.object({ request: z.looseObject({}), expected: z.array(z.object({ decision: z.boolean() })) }))
    .default([]),
})

const Entity = z.object({ type: z.string(), id: z.string() })
const Searches = z.object({
  evaluation: z.array(
    z.object({
      request: z.object({
        subject: z.object({ type: z.string() }),
        action: z.object({ name: z.string() }),
        resource: Entity,
      }),
      expected: z.object({ results: z.array(Entity) }),
    }),
  ),
})

type Report = (check: Check) => void

const FILES = [
  ['todo', 'decisions-authorization-api-1_0-01.json'],
  ['todo', 'decisions-authorization-api-1_0-02.json'],
  ['gateways', 'gateway-decisions.json'],
] as const

/** The schemas of the specification, as somebody else reads them. */
const schemaOf = (name: string) => z.fromJSONSchema(JSON.parse(readVector(`authzen/${name}.schema.json`)))

const replayFile = async (report: Report, server: AuthZenServer, tenant: string, file: string): Promise<void> => {
  const { evaluation, evaluations } = Evaluations.parse(JSON.parse(readVector(`authzen/${file}`)))
  const [requests, answers] = [schemaOf('evaluation-request'), schemaOf('evaluation-response')]
  for (const [index, { request, expected }] of evaluation.entries()) {
    await attempt(report, `${file}/evaluation/${index + 1}`, async () => {
      requests.parse(request)
      const { status, json } = await server.post(tenant, 'evaluation', request)
      assert.equal(status, 200)
      answers.parse(json)
      assert.equal((json as { decision: unknown }).decision, expected)
    })
  }
  for (const [index, { request, expected }] of evaluations.entries()) {
    await attempt(report, `${file}/evaluations/${index + 1}`, async () => {
      const { status, json } = await server.post(tenant, 'evaluations', request)
      assert.equal(status, 200)
      const given = (json as { evaluations: { decision: unknown }[] }).evaluations
      assert.deepEqual(
        given.map(({ decision }) => ({ decision })),
        expected,
      )
    })
  }
}

const searched = async (server: AuthZenServer, kind: string, request: object): Promise<unknown[]> => {
  const { status, json } = await server.post('search', `search/${kind}`, request)
  assert.equal(status, 200)
  return (json as { results: unknown[] }).results
}

const byText = (values: readonly object[]): string[] => values.map((value) => JSON.stringify(value)).sort()

/** Who may do what to which record, as the subject searches tell it. */
type Fact = { readonly user: string; readonly action: string; readonly record: string }

/**
 * The subject searches are in the vectors. What the resource and the action searches of the same scenario must find
 * follows from them, and so does what the identity provider asks: which records may this person delete?
 */
const replaySearches = async (report: Report, server: AuthZenServer): Promise<void> => {
  const { evaluation } = Searches.parse(JSON.parse(readVector('authzen/search-subject.json')))
  const facts: Fact[] = []
  for (const [index, { request, expected }] of evaluation.entries()) {
    const [action, record] = [request.action.name, request.resource.id]
    facts.push(...expected.results.map(({ id }) => ({ user: id, action, record })))
    await attempt(report, `search-subject.json/${index + 1}`, async () => {
      const results = (await searched(server, 'subject', request)) as object[]
      assert.deepEqual(byText(results), byText(expected.results))
    })
  }
  await replayInverse(report, server, facts)
}

const all = (facts: readonly Fact[], of: keyof Fact): string[] => [...new Set(facts.map((fact) => fact[of]))].sort()

const replayInverse = async (report: Report, server: AuthZenServer, facts: readonly Fact[]): Promise<void> => {
  for (const user of all(facts, 'user')) {
    const subject = { type: 'user', id: user }
    for (const action of all(facts, 'action')) {
      await attempt(report, `search-resource/${user}/${action}`, async () => {
        const request = { subject, action: { name: action }, resource: { type: 'record' } }
        const wanted = facts.filter((fact) => fact.user === user && fact.action === action)
        assert.deepEqual(
          byText((await searched(server, 'resource', request)) as object[]),
          byText(wanted.map(({ record }) => ({ type: 'record', id: record }))),
        )
      })
    }
    for (const record of all(facts, 'record')) {
      await attempt(report, `search-action/${user}/${record}`, async () => {
        const request = { subject, resource: { type: 'record', id: record } }
        const wanted = facts.filter((fact) => fact.user === user && fact.record === record)
        assert.deepEqual(
          byText((await searched(server, 'action', request)) as object[]),
          byText(wanted.map(({ action }) => ({ name: action }))),
        )
      })
    }
  }
}

export const replayVectors = async (report: Report, server: AuthZenServer): Promise<void> => {
  for (const [tenant, file] of FILES) await replayFile(report, server, tenant, file)
  await replaySearches(report, server)
}
