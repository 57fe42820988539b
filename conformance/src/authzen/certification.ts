/**
 * The certification scenario of Authorization API 1.0 at the example tenant: what is sent, and what must come. Names
 * begin with the level.
 */

export type Expected =
  | { readonly decision: boolean }
  /** `undefined`: whatever the decision, it is a boolean. */
  | { readonly decisions: readonly (boolean | undefined)[] }
  /** At least these. */
  | { readonly finds: readonly string[] }
  | { readonly exactly: readonly string[] }
  | { readonly status: number }

export interface Case {
  readonly name: string
  /** Below `access/v1/`. */
  readonly path: string
  /** A text is sent as it is. */
  readonly body: unknown
  readonly expected: Expected
  readonly type?: string
}

const user = (id: string, role?: string) => ({
  type: 'user',
  id,
  ...(role === undefined ? {} : { properties: { role } }),
})
const record = (id: string, status?: string) => ({
  type: 'record',
  id,
  ...(status === undefined ? {} : { properties: { status } }),
})
const action = (name: string, soft?: boolean) => ({ name, ...(soft === undefined ? {} : { properties: { soft } }) })
const ask = (subject: object, doing: object, resource: object, more: object = {}) => ({
  subject,
  action: doing,
  resource,
  ...more,
})

const [read, write] = [action('read'), action('write')]
const [alice, bob] = [user('alice'), user('bob')]
const [first, second, archived] = [record('record-1'), record('record-2'), record('record-2', 'archived')]
const fixture = ask(alice, read, first)
const context = { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' }
const yes: Expected = { decision: true }
const no: Expected = { decision: false }
const bad: Expected = { status: 400 }

const evaluation = (name: string, body: unknown, expected: Expected): Case => ({
  name,
  path: 'evaluation',
  body,
  expected,
})

const basic: readonly Case[] = [
  evaluation('basic core/1 alice reads', fixture, yes),
  evaluation('basic core/2 alice writes', ask(alice, write, first), yes),
  evaluation('basic core/3 bob reads', ask(bob, read, first), yes),
  evaluation('basic core/4 bob does not write', ask(bob, write, first), no),
  evaluation('basic core/context changes nothing', { ...fixture, context }, yes),
  evaluation('basic core/context changes no refusal', { ...ask(bob, write, first), context }, no),
  evaluation(
    'basic core/properties that nobody asked for',
    ask(
      { ...alice, properties: { department: 'Sales', role: 'manager' } },
      { ...read, properties: { method: 'GET' } },
      { ...first, properties: { status: 'active', owner: 'bob' } },
    ),
    yes,
  ),
  evaluation('basic core/unknown members', { ...fixture, foo: 'bar', futureField: { nested: true } }, yes),
  evaluation(
    'basic core/unknown members inside',
    ask({ ...alice, x: 1 }, { ...read, x: [] }, { ...first, x: { y: null } }),
    yes,
  ),
  evaluation('basic properties/5 nobody writes the archive', ask(alice, write, archived), no),
  evaluation('basic properties/5 by the request alone', ask(alice, write, record('record-1', 'archived')), no),
  evaluation('basic properties/6 an administrator does', ask(user('bob', 'admin'), write, archived), yes),
  evaluation('basic properties/7 soft delete', ask(alice, action('delete', true), first), yes),
  evaluation('basic properties/8 hard delete', ask(alice, action('delete', false), first), no),
]

const batch = (name: string, body: object, decisions: readonly (boolean | undefined)[]): Case => ({
  name,
  path: 'evaluations',
  body,
  expected: { decisions },
})

const batches: readonly Case[] = [
  batch(
    'batch core/two resources',
    { subject: alice, action: read, evaluations: [{ resource: first }, { resource: second }] },
    [true, undefined],
  ),
  batch('batch core/order', { subject: bob, resource: first, evaluations: [{ action: read }, { action: write }] }, [
    true,
    false,
  ]),
  batch('batch core/no defaults', { evaluations: [fixture, ask(bob, write, first)] }, [true, false]),
  batch(
    'batch core/context of an item',
    {
      subject: alice,
      action: read,
      context,
      evaluations: [{ resource: first }, { resource: second, context: { source: 'x' } }],
    },
    [true, undefined],
  ),
  batch(
    'batch core/an item that fails',
    {
      subject: alice,
      action: read,
      options: { evaluations_semantic: 'execute_all' },
      evaluations: [{ resource: first }, {}],
    },
    [true, false],
  ),
  batch('batch core/a subject that cannot be found', { ...fixture, evaluations: [{ subject: user('nobody') }, {}] }, [
    false,
    true,
  ]),
  { name: 'batch core/no array', path: 'evaluations', body: fixture, expected: yes },
  { name: 'batch core/empty array', path: 'evaluations', body: { ...fixture, evaluations: [] }, expected: yes },
  batch(
    'batch core/deny_on_first_deny',
    {
      subject: bob,
      resource: first,
      options: { evaluations_semantic: 'deny_on_first_deny' },
      evaluations: [{ action: read }, { action: write }, { action: read }],
    },
    [true, false],
  ),
  batch(
    'batch core/permit_on_first_permit',
    {
      subject: bob,
      resource: first,
      options: { evaluations_semantic: 'permit_on_first_permit' },
      evaluations: [{ action: write }, { action: read }, { action: read }],
    },
    [false, true],
  ),
  batch(
    'batch properties/of the resource',
    {
      subject: alice,
      action: write,
      evaluations: [{ resource: record('record-1', 'active') }, { resource: archived }],
    },
    [true, false],
  ),
  batch(
    'batch properties/of the subject',
    { action: write, resource: archived, evaluations: [{ subject: alice }, { subject: user('bob', 'admin') }] },
    [false, true],
  ),
  batch(
    'batch properties/defaults whole or not at all',
    {
      subject: alice,
      action: write,
      resource: record('record-1', 'active'),
      evaluations: [{}, { resource: archived }],
    },
    [true, false],
  ),
  batch(
    'batch properties/no property of a default reaches another entity',
    {
      subject: user('bob', 'admin'),
      action: write,
      resource: archived,
      evaluations: [{ resource: first }, { resource: { id: 'record-1' } }],
    },
    [false, false],
  ),
]

const search = (name: string, kind: string, body: object, expected: Expected): Case => ({
  name,
  path: `search/${kind}`,
  body,
  expected,
})

const readers = { subject: { type: 'user' }, action: read, resource: first }
const readable = { subject: alice, action: read, resource: { type: 'record' } }
const doable = { subject: alice, resource: first }
const both: Expected = { exactly: ['alice', 'bob'] }

const searches: readonly Case[] = [
  search('search core/S1 subjects', 'subject', readers, both),
  search('search core/subjects with context', 'subject', { ...readers, context }, both),
  search('search core/subjects with an id', 'subject', { ...readers, subject: alice }, both),
  search('search core/S2 resources', 'resource', readable, { finds: ['record-1'] }),
  search('search core/resources with context', 'resource', { ...readable, context }, { finds: ['record-1'] }),
  search(
    'search core/resources with an id',
    'resource',
    { ...readable, resource: second },
    { exactly: ['record-1', 'record-2'] },
  ),
  search('search core/S3 actions', 'action', doable, { finds: ['read', 'write'] }),
  search('search core/actions with context', 'action', { ...doable, context }, { finds: ['read', 'write'] }),
  search(
    'search core/actions with an action',
    'action',
    { ...doable, action: { name: 'fly' } },
    { finds: ['read', 'write'] },
  ),
  search(
    'search core/page with unknown members',
    'subject',
    { ...readers, page: { limit: 10, properties: {}, x: 1 } },
    both,
  ),
  search('search core/unknown subject', 'action', { ...doable, subject: user('nonexistent-user') }, { exactly: [] }),
  search('search core/unknown resource', 'subject', { ...readers, resource: record('record-9') }, { exactly: [] }),
  search('search core/unknown action', 'resource', { ...readable, action: action('fly') }, { exactly: [] }),
  search(
    'search core/unknown type of subject',
    'subject',
    { ...readers, subject: { type: 'spaceship' } },
    { exactly: [] },
  ),
  search(
    'search core/unknown type of resource',
    'resource',
    { ...readable, resource: { type: 'spaceship' } },
    { exactly: [] },
  ),
  search(
    'search core/unknown type in an action search',
    'action',
    { ...doable, resource: { type: 'spaceship', id: '1' } },
    { exactly: [] },
  ),
  search(
    'search properties/S4 subjects',
    'subject',
    { ...readers, action: write, resource: archived },
    { exactly: ['bob'] },
  ),
  search('search properties/S5 resources', 'resource', ask(user('bob', 'admin'), write, { type: 'record' }), {
    finds: ['record-2'],
  }),
  search(
    'search properties/S6 actions',
    'action',
    { subject: user('bob', 'admin'), resource: archived },
    { finds: ['write'] },
  ),
]

const without = (body: object, ...names: string[]): object =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))

/** What is no object of properties. The searched entity's are not read. */
const wrongProperties = (part: string, good: Readonly<Record<string, unknown>>): [string, unknown][] =>
  ['x', 7, true, null, []].map((other) => [
    `${part}.properties is ${JSON.stringify(other)}`,
    { ...good, [part]: { ...(good[part] as object), properties: other } },
  ])

/** What lacks something, or is of another type, for each endpoint with its own good request; `level`: core or properties. */
const broken = (level: string, path: string, good: Readonly<Record<string, unknown>>): Case[] => {
  const cases: [string, unknown][] = [
    ['empty body', ''],
    ['not JSON', '{"subject":'],
    ['an array', [good]],
    ['a string', '"alice"'],
    ['null', 'null'],
    ['two of one name', `{"subject":{"type":"user","id":"bob"},${JSON.stringify(good).slice(1)}`],
    ['context is a string', { ...good, context: 'x' }],
    ['context is an array', { ...good, context: [] }],
  ]
  for (const part of ['subject', 'action', 'resource'] as const) {
    const value = good[part] as Record<string, unknown> | undefined
    if (value === undefined) continue
    cases.push([`no ${part}`, without(good, part)])
    for (const other of ['alice', 7, true, null, []])
      cases.push([`${part} is ${JSON.stringify(other)}`, { ...good, [part]: other }])
    if (path !== `search/${part}`) cases.push(...wrongProperties(part, good))
    for (const name of Object.keys(value).filter((one) => one !== 'properties')) {
      cases.push([`no ${part}.${name}`, { ...good, [part]: without(value, name) }])
      for (const other of [123, null, true, {}, []])
        cases.push([`${part}.${name} is ${JSON.stringify(other)}`, { ...good, [part]: { ...value, [name]: other } }])
    }
  }
  return cases.map(([name, body]) => ({ name: `errors ${level}/${path}/${name}`, path, body, expected: bad }))
}

const typed = (path: string, body: object): Case[] =>
  ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16'].map(
    (type) => ({
      name: `errors/${path}/${type}`,
      path,
      body,
      type,
      expected: bad,
    }),
  )

const GOOD = {
  evaluation: fixture,
  evaluations: fixture,
  'search/subject': readers,
  'search/resource': readable,
  'search/action': doable,
}

const admin = user('bob', 'admin')
/** The same with everything that the level of properties reads. */
const GOOD_PROPERTIES = {
  evaluation: ask(admin, action('delete', true), archived),
  evaluations: ask(admin, action('delete', true), archived),
  'search/subject': { subject: { type: 'user' }, action: action('delete', true), resource: archived },
  'search/resource': { subject: admin, action: action('delete', true), resource: { type: 'record' } },
  'search/action': { subject: admin, resource: archived },
}

/** An item that is no request is denied alone, and the others are answered. */
const items: readonly Case[] = (
  [
    ['core', fixture],
    ['properties', ask(alice, write, record('record-1', 'active'))],
  ] as const
).flatMap(([level, good]) =>
  (['subject', 'action', 'resource'] as const).flatMap((part) => {
    const whole = good[part] as Record<string, unknown>
    const name = part === 'action' ? 'name' : 'id'
    const wrong: [string, unknown][] = [
      ['is a string', 'x'],
      ['is null', null],
      ['is a list', [whole]],
      [`has no ${name}`, without(whole, name)],
      [`has a number as ${name}`, { ...whole, [name]: 7 }],
      [`has an empty ${name}`, { ...whole, [name]: '' }],
      ['has a string as properties', { ...whole, properties: 'x' }],
      ['has a list as properties', { ...whole, properties: [] }],
    ]
    return wrong.map(([why, value]) =>
      batch(`batch ${level}/${part} of an item ${why}`, { ...good, evaluations: [{}, { [part]: value }, {}] }, [
        true,
        false,
        true,
      ]),
    )
  }),
)

/** > The PDP MUST ignore unknown fields in the request body: at every endpoint, at every place. */
const unknownMembers: readonly Case[] = Object.entries(GOOD).map(([path, good]) => {
  const parts = Object.entries(good).map(([name, value]) => [name, { ...(value as object), future: { x: [null] } }])
  const body = { ...Object.fromEntries(parts), future: 1, extensions: { a: 'b' } }
  return {
    name: `transport/${path}/unknown members`,
    path,
    body: path === 'evaluations' ? { evaluations: [{ ...body, more: true }], future: 1, options: { x: 1 } } : body,
    expected: path === 'evaluation' ? yes : path === 'evaluations' ? { decisions: [true] } : { finds: [] },
  } satisfies Case
})

const pageErrors: readonly Case[] = (['search/subject', 'search/resource', 'search/action'] as const).flatMap(
  (path) => {
    const wrong: readonly [string, unknown][] = [
      ...[0, -1, 1.5, '1', null, {}].map((limit): [string, unknown] => [`limit ${JSON.stringify(limit)}`, { limit }]),
      ...[7, null, {}, 'made up'].map((token): [string, unknown] => [`token ${JSON.stringify(token)}`, { token }]),
      ...['x', 7, [], null].map((page): [string, unknown] => [`page ${JSON.stringify(page)}`, page]),
    ]
    return wrong.map(([name, page]) => ({
      name: `errors/${path}/${name}`,
      path,
      body: { ...GOOD[path], page },
      expected: bad,
    }))
  },
)

const errors: readonly Case[] = [
  ...Object.entries(GOOD).flatMap(([path, good]) => [...broken('core', path, good), ...typed(path, good)]),
  ...Object.entries(GOOD_PROPERTIES).flatMap(([path, good]) => broken('properties', path, good)),
  ...pageErrors,
  ...['evaluate_all', '', 1, null].map((semantic) => ({
    name: `errors/evaluations/semantic ${JSON.stringify(semantic)}`,
    path: 'evaluations',
    body: { ...fixture, evaluations: [{}], options: { evaluations_semantic: semantic } },
    expected: bad,
  })),
  ...[{}, 'x', 7, [7], [null]].map((evaluations) => ({
    name: `errors/evaluations/items ${JSON.stringify(evaluations)}`,
    path: 'evaluations',
    body: { ...fixture, evaluations },
    expected: bad,
  })),
]

export const CASES: readonly Case[] = [...basic, ...batches, ...items, ...searches, ...unknownMembers, ...errors]
export { doable, fixture, GOOD, readable, readers }
