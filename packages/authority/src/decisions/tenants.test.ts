/** AuthZEN 1.0 over HTTP at tenants: the certification fixture, with and without a token. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { nodeClock } from '@credence/kit/node'
import { refusedCaller } from '@credence/kit/testing'
import { addAgent, FILES } from '../testing/seed.ts'
import { asOperator, callApi, getToken, openWorld, type TestAgent, type World } from '../testing/world.ts'
import { EXAMPLE_FOLDER, loadTenant } from './tenant-folder.ts'
import { openTenants } from './tenants.ts'

let world: World
let issuer: string
let token: string

before(async () => {
  const open = await loadTenant({ name: 'example', folder: EXAMPLE_FOLDER, open: true })
  world = await openWorld({
    config: {
      tenants: [
        open,
        { ...open, name: 'closed', open: false },
        { ...open, name: 'slow', perSecond: 0.2 },
        { ...open, name: 'batch', perSecond: 1 },
      ],
    },
  })
  issuer = world.config.issuer
  const form = { resource: `${issuer}/v1`, scope: 'decide' }
  token = String((await getToken(issuer, world.operator, { form })).body.access_token)
})
after(() => world.close())

interface Sent {
  readonly tenant?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

const post = async (path: string, body: unknown, { tenant = 'example', method = 'POST', headers = {} }: Sent = {}) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${issuer}/${tenant}/access/v1/${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(method === 'GET' ? {} : { body: text }),
  })
  const said = await answer.text()
  const json = answer.headers.get('content-type') === 'application/json'
  return { status: answer.status, headers: answer.headers, text: said, body: json ? JSON.parse(said) : undefined }
}

const alice = { type: 'user', id: 'alice' }
const bob = { type: 'user', id: 'bob' }
const read = { name: 'read' }
const write = { name: 'write' }
const record = (id: string, status?: string) => ({
  type: 'record',
  id,
  ...(status === undefined ? {} : { properties: { status } }),
})
const fixture = { subject: alice, action: read, resource: record('record-1') }

describe('evaluations', () => {
  const decisionsOf = async (body: object): Promise<unknown> => {
    const answer = await post('evaluations', body)
    assert.equal(answer.status, 200, answer.text)
    return (answer.body.evaluations as { decision: boolean }[]).map(({ decision }) => decision)
  }
  const yes = { resource: record('record-1') }
  const no = { resource: record('record-1'), action: write, subject: bob }

  test('in order, defaults replaced whole', async () => {
    const defaults = { subject: alice, action: write, resource: record('record-2', 'archived') }
    assert.deepEqual(await decisionsOf({ ...defaults, evaluations: [{}, yes, { subject: bob }] }), [false, true, true])
    const leak = { subject: bob, action: write, resource: record('record-1', 'archived') }
    assert.deepEqual(await decisionsOf({ ...leak, evaluations: [{}, { resource: { id: 'record-1' } }] }), [true, false])
  })

  test('three semantics', async () => {
    const ask = (evaluations_semantic: string) =>
      decisionsOf({ subject: alice, action: read, evaluations: [yes, no, yes], options: { evaluations_semantic } })
    assert.deepEqual(await ask('execute_all'), [true, false, true])
    assert.deepEqual(await ask('deny_on_first_deny'), [true, false])
    assert.deepEqual(await ask('permit_on_first_permit'), [true])
    assert.equal((await post('evaluations', { ...fixture, options: { evaluations_semantic: 'first' } })).status, 400)
  })

  test('an item that fails is a no with a reason, the others go on; none at all is one evaluation', async () => {
    const { body } = await post('evaluations', { subject: alice, action: read, evaluations: [yes, {}, yes] })
    assert.deepEqual(
      body.evaluations.map(({ decision }: { decision: boolean }) => decision),
      [true, false, true],
    )
    assert.deepEqual(body.evaluations[1].context.error, { status: 400, message: 'resource is missing.' })
    for (const more of [{}, { evaluations: [] }])
      assert.equal((await post('evaluations', { ...fixture, ...more })).body.decision, true)
    assert.equal((await post('evaluations', { subject: alice, evaluations: [] })).status, 400)
    const many = Array.from({ length: 1001 }, () => ({}))
    assert.equal((await post('evaluations', { ...fixture, evaluations: many })).status, 400)
  })
})

describe('search', () => {
  const idsOf = async (kind: string, body: object): Promise<string[]> => {
    const answer = await post(`search/${kind}`, body)
    assert.equal(answer.status, 200, answer.text)
    return answer.body.results.map(({ id, name }: { id?: string; name?: string }) => id ?? name)
  }
  const type = (name: string) => ({ type: name })

  test('finds what the evaluation permits, of the searched type alone', async () => {
    const whoReads = { subject: type('user'), action: read, resource: record('record-1') }
    assert.deepEqual(await idsOf('subject', whoReads), ['alice', 'bob'])
    assert.deepEqual(await idsOf('subject', { ...whoReads, subject: alice }), ['alice', 'bob'])
    assert.deepEqual(await idsOf('subject', { ...whoReads, action: write, resource: record('record-2', 'archived') }), [
      'bob',
    ])
    assert.deepEqual(await idsOf('resource', { subject: alice, action: read, resource: type('record') }), [
      'record-1',
      'record-2',
    ])
    assert.deepEqual(await idsOf('resource', { subject: alice, action: write, resource: record('record-2') }), [
      'record-1',
    ])
    assert.deepEqual(await idsOf('action', { subject: alice, resource: record('record-1') }), ['read', 'write'])
    assert.deepEqual(await idsOf('action', { subject: bob, resource: record('record-2') }), ['read', 'write'])
  })

  test('what is unknown finds nothing', async () => {
    const nobody = { type: 'user', id: 'nobody' }
    assert.deepEqual(await idsOf('action', { subject: nobody, resource: record('record-1') }), [])
    assert.deepEqual(await idsOf('action', { subject: type('user') && alice, resource: record('record-9') }), [])
    assert.deepEqual(await idsOf('resource', { subject: nobody, action: read, resource: type('record') }), [])
    assert.deepEqual(await idsOf('resource', { subject: alice, action: { name: 'fly' }, resource: type('record') }), [])
    for (const name of ['spaceship', '__proto__', 'constructor', 'Agent'])
      assert.deepEqual(
        await idsOf('subject', { subject: type(name), action: read, resource: record('record-1') }),
        [],
        name,
      )
  })

  const paged = { subject: type('user'), action: read, resource: record('record-1') }

  test('pages: one result after another, the last token empty', async () => {
    const first = await post('search/subject', { ...paged, page: { limit: 1 } })
    assert.deepEqual(first.body.results, [alice])
    assert.equal(first.body.page.count, 1)
    const next = first.body.page.next_token as string
    assert.notEqual(next, '')
    for (const page of [{ token: next }, { token: next, limit: 1, more: true }]) {
      const second = await post('search/subject', { ...paged, page })
      assert.deepEqual(second.body.results, [bob])
      assert.equal(second.body.page.next_token, '')
    }
    const whole = await post('search/subject', { ...paged, page: {} })
    assert.deepEqual([whole.body.results.length, whole.body.page.next_token], [2, ''])
    assert.equal((await post('search/subject', paged)).body.page, undefined)
  })

  test('a page token is for the same request alone, and nobody makes one', async () => {
    const { body } = await post('search/subject', { ...paged, page: { limit: 1 } })
    const token_ = body.page.next_token as string
    const changed: [string, object, Sent?][] = [
      ['search/subject', { ...paged, action: write, page: { token: token_, limit: 1 } }],
      ['search/subject', { ...paged, resource: record('record-2'), page: { token: token_ } }],
      ['search/subject', { ...paged, resource: record('record-1', 'archived'), page: { token: token_ } }],
      ['search/subject', { ...paged, subject: type('team'), page: { token: token_ } }],
      ['search/subject', { ...paged, context: {}, page: { token: token_ } }],
      ['search/subject', { ...paged, page: { token: token_, limit: 2 } }],
      ['search/resource', { ...paged, subject: alice, page: { token: token_ } }],
      ['search/subject', { ...paged, page: { token: `${token_.slice(0, -2)}AA` } }],
      ['search/subject', { ...paged, page: { token: 'made up' } }],
      ['search/subject', { ...paged, page: { token: '' } }],
    ]
    for (const [path, request] of changed)
      assert.equal((await post(path, request)).status, 400, `${path} ${JSON.stringify(request)}`)
    const { status } = await callApi(issuer, world.operator, token, 'POST', '/closed/access/v1/search/subject', {
      ...paged,
      page: { token: token_ },
    })
    assert.equal(status, 400, 'another tenant')
  })
})

describe('metadata', () => {
  test('the path is inserted, the endpoints answer, the signature is ours', async () => {
    const known = `${issuer}/.well-known/authzen-configuration`
    for (const [url, point] of [
      [known, issuer],
      [`${known}/example`, `${issuer}/example`],
      [`${known}/closed`, `${issuer}/closed`],
    ] as const) {
      const answer = await fetch(url, { headers: { 'x-request-id': 'm-1' } })
      assert.equal(answer.headers.get('content-type'), 'application/json')
      assert.equal(answer.headers.get('x-request-id'), 'm-1')
      assert.equal(answer.headers.get('vary'), 'x-request-id')
      const { signed_metadata: signed, ...plain } = (await answer.json()) as Record<string, string>
      assert.equal(plain.policy_decision_point, point)
      for (const name of [
        'access_evaluation',
        'access_evaluations',
        'search_subject',
        'search_resource',
        'search_action',
      ])
        assert.ok(plain[`${name}_endpoint`]?.startsWith(`${point}/access/v1/`), name)
      const { createRemoteJWKSet, jwtVerify } = await import('jose')
      const keys = createRemoteJWKSet(new URL(String(plain.jwks_uri)))
      const { payload, protectedHeader } = await jwtVerify(String(signed), keys, { issuer })
      assert.equal(protectedHeader.alg, 'ES256')
      assert.ok(!('signed_metadata' in payload))
      for (const [name, value] of Object.entries(plain)) assert.deepEqual(payload[name], value, name)
    }
    assert.equal((await fetch(`${known}/nobody`)).status, 404)
    assert.equal((await fetch(`${known}/example/`)).status, 404)
  })

  test('signed metadata opens nothing', async () => {
    const answer = await fetch(`${issuer}/.well-known/authzen-configuration`)
    const { signed_metadata: signed } = (await answer.json()) as { signed_metadata: string }
    const { status } = await callApi(issuer, world.operator, signed, 'POST', '/access/v1/evaluation', fixture)
    assert.equal(status, 401)
  })
})

test('the description of the interface says what is asked and answered', async () => {
  const document = (await (await fetch(`${issuer}/openapi.json`)).json()) as {
    paths: Record<string, { post?: { requestBody: object; security: object[] } }>
  }
  const bodyOf = (path: string) => JSON.stringify(document.paths[path]?.post?.requestBody)
  for (const prefix of ['', '/{tenant}']) {
    assert.match(bodyOf(`${prefix}/access/v1/evaluation`), /"required":\["subject","action","resource"\]/)
    assert.match(bodyOf(`${prefix}/access/v1/evaluations`), /permit_on_first_permit/)
    for (const kind of ['subject', 'resource', 'action'])
      assert.match(bodyOf(`${prefix}/access/v1/search/${kind}`), /"page"/)
  }
  assert.deepEqual(document.paths['/access/v1/evaluation']?.post?.security, [{ credence: ['decide'] }])
})

describe('what is wrong is an error with a message, never a decision', () => {
  const PATHS = ['evaluation', 'evaluations', 'search/subject', 'search/resource', 'search/action']
  const deep = `${'['.repeat(200)}1${']'.repeat(200)}`

  test('shapes', async () => {
    const bodies: unknown[] = [
      '',
      '{',
      '[]',
      '"x"',
      'null',
      '1',
      {},
      [fixture],
      { subject: 'alice', action: read, resource: record('record-1') },
      {
        ...fixture,
        subject: { type: 'user', id: 'x'.repeat(600_000) },
        resource: { type: 'record', id: 'x'.repeat(3000) },
      },
      '{"subject":{"type":"user","id":"\\ud800"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}',
      `{"subject":{"type":"user","id":"alice"},"subject":{"type":"user","id":"bob"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`,
      `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"},"context":${deep}}`,
      { ...fixture, context: 'x', subject: 7, action: [] },
    ]
    for (const path of PATHS) {
      for (const body of bodies) {
        const answer = await post(path, body, { headers: { 'x-request-id': 'e-1' } })
        assert.equal(answer.status, 400, `${path} ${JSON.stringify(body).slice(0, 200)} ${answer.text.slice(0, 200)}`)
        assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
        assert.match(answer.text, /\w+ \w+/)
        assert.equal(answer.headers.get('x-request-id'), 'e-1')
      }
    }
  })

  test('ids that are names of something else are ids', async () => {
    for (const id of ['__proto__', 'constructor', 'hasOwnProperty', '../alice', 'alice\u0000', 'Alice', ' alice'])
      for (const request of [
        { ...fixture, subject: { type: 'user', id } },
        { ...fixture, resource: { type: 'record', id } },
        { ...fixture, action: { name: id } },
        { ...fixture, subject: { type: id, id: 'alice' } },
      ]) {
        const answer = await post('evaluation', request)
        assert.notEqual(answer.body?.decision, true, JSON.stringify(request))
      }
    const polluted = `{"subject":{"type":"user","id":"nobody","__proto__":{"id":"alice"}},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"},"__proto__":{"decision":true}}`
    assert.equal((await post('evaluation', polluted)).body?.decision ?? false, false)
  })

  test('methods, types and names of requests', async () => {
    for (const path of PATHS) {
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH'])
        assert.equal(
          (await post(path, fixture, { method, headers: { 'x-request-id': 'x' } })).status,
          405,
          `${method} ${path}`,
        )
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16'])
        assert.equal((await post(path, fixture, { headers: { 'content-type': type } })).status, 400, `${type} ${path}`)
    }
    const answer = await post('evaluation', fixture, {
      headers: { 'content-type': 'application/json; charset=utf-8', 'x-request-id': 'bfe9eb29-ab87-4ca3' },
    })
    assert.equal(answer.body.decision, true)
    assert.equal(answer.headers.get('x-request-id'), 'bfe9eb29-ab87-4ca3')
    assert.equal((await post('evaluation', fixture)).headers.get('x-request-id'), null)
  })
})

describe('who may ask', () => {
  const closed = '/closed/access/v1/evaluation'
  const without = async (headers: Record<string, string> = {}) =>
    await post('evaluation', fixture, { tenant: 'closed', headers: { 'x-request-id': 'a-1', ...headers } })

  test('a tenant that is not open asks for a token, in words', async () => {
    const answer = await without()
    assert.equal(answer.status, 401)
    assert.match(answer.headers.get('www-authenticate') ?? '', /DPoP/)
    assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(answer.headers.get('x-request-id'), 'a-1')
    assert.match(answer.text, /\w+ \w+/)
    const asked = await callApi(issuer, world.operator, token, 'POST', closed, fixture)
    assert.equal(asked.body.decision, true)
  })

  test('no tenant is another, and the domain itself is none', async () => {
    assert.equal((await post('evaluation', fixture, { tenant: 'nobody' })).status, 404)
    assert.equal(
      (await post('evaluation', fixture, { tenant: '%65xample' })).status,
      200,
      'the same name, written otherwise',
    )
    assert.equal((await post('evaluation', fixture, { tenant: 'v1' })).status, 404)
    const own = await callApi(issuer, world.operator, token, 'POST', '/access/v1/evaluation', fixture)
    assert.equal(own.body.decision, false, 'policies of a tenant do not count in the domain')
  })

  const ROUTES = {
    'tenant.evaluate': 'evaluation',
    'tenant.evaluations': 'evaluations',
    'tenant.search.subject': 'search/subject',
    'tenant.search.resource': 'search/resource',
    'tenant.search.action': 'search/action',
  } as const

  refusedCaller(
    [
      'tenant.evaluate',
      'tenant.evaluations',
      'tenant.search.subject',
      'tenant.search.resource',
      'tenant.search.action',
    ],
    async (route) => {
      const path = `/closed/access/v1/${ROUTES[route as keyof typeof ROUTES]}`
      const helper: TestAgent = await addAgent(world)
      const tokenOf = async (who: TestAgent, form: Record<string, string>) =>
        String((await getToken(issuer, who, { form })).body.access_token)
      const noScope = await tokenOf(helper, { resource: `${issuer}/v1` })
      const elsewhere = await tokenOf(world.operator, { resource: FILES, scope: 'mcp:tools' })
      const { token: admin } = await asOperator(world)
      assert.equal((await callApi(issuer, world.operator, elsewhere, 'POST', path, fixture)).status, 401)
      assert.equal((await callApi(issuer, helper, token, 'POST', path, fixture)).status, 401, 'the token of another')
      const stolen = await fetch(`${issuer}${path}`, { method: 'POST', headers: { authorization: `DPoP ${token}` } })
      assert.equal(stolen.status, 401)
      assert.equal((await callApi(issuer, world.operator, admin, 'POST', path, fixture)).status, 403)
      return (await callApi(issuer, helper, noScope, 'POST', path, fixture)).status
    },
  )
})

test('who asks an open tenant too often is asked to wait, whatever it asks', async () => {
  const answers = [
    await post('evaluation', fixture, { tenant: 'slow' }),
    await post('search/action', fixture, { tenant: 'slow' }),
  ]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  )
  const { status, text, headers } = await post('evaluation', 'nonsense', {
    tenant: 'slow',
    headers: { 'x-request-id': 'r' },
  })
  assert.equal(status, 429)
  assert.match(text, /try again later/)
  assert.ok(Number(headers.get('retry-after')) >= 1)
  assert.equal(headers.get('x-request-id'), 'r')
  const forged = { 'x-forwarded-for': '9.9.9.9' }
  assert.equal((await post('evaluation', fixture, { tenant: 'slow', headers: forged })).status, 429)
  assert.equal((await post('evaluation', fixture)).status, 200, 'another tenant')
})

test('a batch costs what it asks: one of a thousand, and the address waits; a search costs its candidates', async () => {
  const evaluations = Array.from({ length: 1_000 }, () => ({}))
  assert.equal((await post('evaluations', { ...fixture, evaluations }, { tenant: 'batch' })).status, 200)
  for (const [path, body] of [
    ['evaluations', { ...fixture, evaluations }],
    ['evaluation', fixture],
    ['search/action', fixture],
  ] as const)
    assert.equal((await post(path, body, { tenant: 'batch' })).status, 429, path)
})

test('a tenant that is not as it should be does not start', async () => {
  const good = await loadTenant({ name: 'a', folder: EXAMPLE_FOLDER, open: false })
  const opened = (...configs: (typeof good)[]) =>
    openTenants(configs, { issuer: 'https://x.example', clock: nodeClock })
  assert.equal((await opened(good)).size, 1)
  for (const name of ['', 'A', 'a/b', '..', 'a b', '-a', 'x'.repeat(64)])
    await assert.rejects(opened({ ...good, name }))
  await assert.rejects(opened(good, good))
  await assert.rejects(opened({ ...good, entities: [{}] }))
  await assert.rejects(opened({ ...good, source: { files: [{ name: 'a.cedar', text: 'permit (' }] } }))
})

test("a tenant never asks in the domain's worker", async () => {
  const example = await loadTenant({ name: 'example', folder: EXAMPLE_FOLDER, open: true })
  const text = '@id("left") permit (principal, action, resource) when { false && unknown("x") };'
  const source = { ...example.source, files: [{ name: 'a.cedar', text }] }
  await assert.rejects(openTenants([{ ...example, source }], { issuer, clock: nodeClock }), {
    kind: 'refused',
    code: 'tenant_policy',
  })
})
