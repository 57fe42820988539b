/** The table of the certification scenario against a server, and what is no row of it: headers, methods, pages, discovery. */
import assert from 'node:assert/strict'
import { createAuthZenDecider } from '@credence/guard/authzen'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { attempt, type Check } from '../suite.ts'
import { CASES, type Case, doable, fixture, GOOD, readable, readers } from './certification.ts'
import type { Answer, AuthZenServer } from './server.ts'

type Report = (check: Check) => void

const EXAMPLE = 'example'

const idsOf = (json: unknown, path: string): string[] => {
  const { results } = json as { results: { type?: unknown; id?: unknown; name?: unknown }[] }
  assert.ok(Array.isArray(results))
  return results.map(({ type, id, name }) => {
    const named = path === 'search/action' ? name : id
    assert.equal(typeof named, 'string')
    if (path !== 'search/action') assert.equal(type, path === 'search/subject' ? 'user' : 'record')
    return named as string
  })
}

const decisionOf = (value: unknown): boolean => {
  const { decision, context = {} } = value as { decision: unknown; context?: unknown }
  assert.equal(typeof decision, 'boolean')
  assert.ok(typeof context === 'object' && context !== null && !Array.isArray(context))
  return decision as boolean
}

/** > 400: An error message string */
const isMessage = ({ text, headers }: Answer): void => {
  assert.ok(text.length > 3 && !text.includes('"decision"'), text)
  assert.match(headers.get('content-type') ?? '', /^text\/plain/)
}

const areDecisions = (json: unknown, wanted: readonly (boolean | undefined)[]): void => {
  const given = (json as { evaluations: unknown[] }).evaluations.map(decisionOf)
  assert.equal(given.length, wanted.length)
  for (const [index, one] of wanted.entries())
    if (one !== undefined) assert.equal(given[index], one, `item ${index + 1}`)
}

const judge = ({ path, expected }: Case, answer: Answer): void => {
  if ('status' in expected) {
    assert.equal(answer.status, expected.status, answer.text)
    isMessage(answer)
    return
  }
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  if ('decision' in expected) assert.equal(decisionOf(answer.json), expected.decision)
  else if ('decisions' in expected) areDecisions(answer.json, expected.decisions)
  else if ('exactly' in expected) assert.deepEqual(idsOf(answer.json, path).sort(), [...expected.exactly])
  else for (const id of expected.finds) assert.ok(idsOf(answer.json, path).includes(id), `${id} in ${answer.text}`)
}

const certify = async (report: Report, server: AuthZenServer): Promise<void> => {
  let number = 0
  for (const one of CASES) {
    await attempt(report, one.name, async () => {
      number += 1
      const headers = {
        'x-request-id': `case-${number}`,
        ...(one.type === undefined ? {} : { 'content-type': one.type }),
      }
      const answer = await server.post(EXAMPLE, one.path, one.body, headers)
      judge(one, answer)
      assert.equal(answer.headers.get('x-request-id'), `case-${number}`)
    })
  }
}

const headers = async (report: Report, server: AuthZenServer): Promise<void> => {
  for (const [path, good] of Object.entries(GOOD)) {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      await attempt(report, `errors/${path}/${method}`, async () => {
        const body = method === 'GET' ? {} : { body: JSON.stringify(good) }
        const fields = { 'content-type': 'application/json', 'x-request-id': 'm' }
        const answer = await server.send(`/${EXAMPLE}/access/v1/${path}`, { method, headers: fields, ...body })
        assert.equal(answer.status, 405)
        assert.equal(answer.headers.get('x-request-id'), 'm')
      })
    }
    await attempt(report, `transport/${path}/charset`, async () => {
      const answer = await server.post(EXAMPLE, path, good, { 'content-type': 'application/json; charset=utf-8' })
      assert.equal(answer.status, 200)
    })
    await attempt(report, `transport/${path}/no X-Request-ID`, async () => {
      assert.equal((await server.post(EXAMPLE, path, good)).status, 200)
    })
    await attempt(report, `transport/${path}/the same answer each time`, async () => {
      const answers = new Set<string>()
      for (let time = 0; time < 5; time += 1) answers.add((await server.post(EXAMPLE, path, good)).text)
      assert.equal(answers.size, 1)
    })
    await attempt(report, `errors/${path}/no content type`, async () => {
      const init = { method: 'POST', body: Buffer.from(JSON.stringify(good)) }
      const answer = await server.send(`/${EXAMPLE}/access/v1/${path}`, init)
      assert.equal(answer.status, 400, answer.text)
      isMessage(answer)
    })
    for (const [name, fields] of [
      ['no credentials', {}],
      ['bearer nonsense', { authorization: 'Bearer undefined' }],
      ['basic', { authorization: 'Basic YWxpY2U6YWxpY2U=' }],
      ['an API key', { authorization: 'undefined', 'x-api-key': 'undefined' }],
    ] as const) {
      await attempt(report, `authentication/${path}/${name}`, async () => {
        const answer = await server.post('closed', path, good, { 'x-request-id': 'a', ...fields })
        assert.equal(answer.status, 401, answer.text)
        isMessage(answer)
        assert.equal(answer.headers.get('x-request-id'), 'a')
      })
    }
  }
}

const pages = async (report: Report, server: AuthZenServer): Promise<void> => {
  const search = async (body: object) => {
    const answer = await server.post(EXAMPLE, 'search/subject', body)
    assert.equal(answer.status, 200, answer.text)
    const { page } = answer.json as { page: { next_token: unknown; count?: unknown } }
    assert.equal(typeof page.next_token, 'string')
    return { ids: idsOf(answer.json, 'search/subject'), token: page.next_token as string }
  }
  await attempt(report, 'search core/page by page', async () => {
    const one = await search({ ...readers, page: { limit: 1 } })
    assert.equal(one.ids.length, 1)
    const two = await search({ ...readers, page: { token: one.token } })
    assert.deepEqual([...one.ids, ...two.ids].sort(), ['alice', 'bob'])
    assert.equal(two.token, '')
  })
  for (const [path, good, all] of [
    ['search/resource', readable, ['record-1', 'record-2']],
    ['search/action', doable, ['read', 'write']],
  ] as const) {
    await attempt(report, `search core/${path} page by page`, async () => {
      const found: string[] = []
      let page: object = { limit: 1 }
      for (let pages = 0; pages < 20; pages += 1) {
        const { status, json, text } = await server.post(EXAMPLE, path, { ...good, page })
        assert.equal(status, 200, text)
        const ids = idsOf(json, path)
        assert.ok(ids.length <= 1)
        found.push(...ids)
        const { next_token: token } = (json as { page: { next_token: unknown } }).page
        assert.equal(typeof token, 'string')
        if (token === '') break
        page = { limit: 1, token }
      }
      for (const id of all) assert.ok(found.includes(id), `${id} in ${found.join()}`)
      assert.equal(new Set(found).size, found.length)
    })
  }
  await attempt(report, 'search core/a token is for the same request', async () => {
    const { token } = await search({ ...readers, page: { limit: 1 } })
    for (const other of [
      { ...readers, action: { name: 'write' } },
      { ...readers, context: { a: 1 } },
      { ...readers, resource: { type: 'record', id: 'record-2' } },
    ])
      assert.equal((await server.post(EXAMPLE, 'search/subject', { ...other, page: { token } })).status, 400)
  })
}

const ENDPOINTS = [
  'access_evaluation_endpoint',
  'access_evaluations_endpoint',
  'search_subject_endpoint',
  'search_resource_endpoint',
  'search_action_endpoint',
]

/** A loopback issuer may be plain http; everything else is https or does not start. */
const isEndpoint = (url: unknown, point: string): void => {
  assert.ok(typeof url === 'string' && url.startsWith(`${point}/`), String(url))
  const { search, hash } = new URL(url)
  assert.equal(search + hash, '')
}

const discovery = async (report: Report, server: AuthZenServer): Promise<void> => {
  for (const [name, suffix] of [
    ['of the domain', ''],
    ['of a tenant', '/example'],
  ] as const) {
    await attempt(report, `discovery/${name}`, async () => {
      const point = `${server.issuer}${suffix}`
      const path = `/.well-known/authzen-configuration${suffix}`
      const { status, headers: fields, json } = await server.send(path, { headers: { 'x-request-id': 'd' } })
      assert.deepEqual([status, fields.get('content-type'), fields.get('x-request-id')], [200, 'application/json', 'd'])
      const metadata = json as Record<string, unknown>
      assert.equal(metadata.policy_decision_point, point)
      for (const endpoint of ENDPOINTS) isEndpoint(metadata[endpoint], point)
      const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`))
      const { payload } = await jwtVerify(String(metadata.signed_metadata), keys, { issuer: server.issuer })
      for (const claim of ['policy_decision_point', ...ENDPOINTS]) assert.equal(payload[claim], metadata[claim])
      assert.equal(payload.signed_metadata, undefined)
    })
  }
  await attempt(report, 'discovery/what is found answers', async () => {
    const { json } = await server.send('/.well-known/authzen-configuration/example', {})
    const url = new URL(String((json as Record<string, unknown>).access_evaluation_endpoint))
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fixture) }
    assert.deepEqual(decisionOf((await server.send(url.pathname, init)).json), true)
  })
  await attempt(report, 'discovery/no tenant, no metadata', async () => {
    assert.equal((await server.send('/.well-known/authzen-configuration/nobody', {})).status, 404)
    assert.equal((await server.send('/example/.well-known/authzen-configuration', {})).status, 404)
  })
}

/** Our own enforcement point, which knows of this decision point nothing but its name. */
const ourOwn = async (report: Report, server: AuthZenServer): Promise<void> => {
  const fetch = createSafeFetch({ clock: nodeClock, allowPrivate: [new URL(server.issuer).host] })
  const decide = async (tenant: string, action: string) => {
    const decider = createAuthZenDecider({
      decisionPoint: `${server.issuer}/${tenant}`,
      clock: nodeClock,
      random: nodeRandom,
      fetch,
      timeoutMs: 5000,
      request: () => ({ ...fixture, action: { name: action } }) as EvaluationRequest,
    })
    return (await decider.decide({} as never, {} as never)).effect
  }
  await attempt(report, 'enforcement/by discovery', async () => {
    assert.equal(await decide('example', 'read'), 'granted')
    assert.equal(await decide('example', 'fly'), 'refused')
    await assert.rejects(decide('closed', 'read'))
    await assert.rejects(decide('nobody', 'read'))
  })
  await fetch.close()
}

export const examine = async (report: Report, server: AuthZenServer): Promise<void> => {
  await certify(report, server)
  await headers(report, server)
  await pages(report, server)
  await discovery(report, server)
  await ourOwn(report, server)
}
