import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { type Id, newId } from '@credence/kit'
import { cases } from '@credence/kit/testing'
import { claimRules } from '@credence/protocol/access-token'
import fc from 'fast-check'
import {
  Agent,
  accessTokenClaims,
  agentOfSpiffeId,
  agentSpiffeId,
  type CallerFacts,
  callerFacts,
  DisplayName,
  grantCovers,
  intersect,
  isConsequential,
  isLive,
  isSubset,
  mayChangeStatus,
  normalizeDetails,
  type OperationFacts,
  operationHash,
  revocationKeys,
  ServerTransport,
  tokenCovers,
} from './index.ts'

const random = { bytes: (length: number) => randomBytes(length) }
const id = <Prefix extends string>(prefix: Prefix): Id<Prefix> => newId(prefix, random)

const FILES = 'https://gw.example/mcp/files'
const tools = (location: string, ...names: string[]) => ({
  type: 'mcp_tools' as const,
  locations: [location] as [string],
  tools: names,
})
const only = (...details: { readonly type: string }[]) => ({ scope: [], authorizationDetails: details })

const detail = fc.record({
  type: fc.constant('mcp_tools' as const),
  locations: fc.tuple(fc.constantFrom('https://a/', 'https://b/', 'https://c/')),
  tools: fc.subarray(['read', 'write', 'delete', 'list'], { minLength: 1 }),
})
const authority = fc.record({
  scope: fc.subarray(['s1', 's2', 's3', 's4']),
  authorizationDetails: fc.array(detail, { maxLength: 4 }),
})

test('subset: every authority is within itself, and the relation is transitive', () => {
  fc.assert(fc.property(authority, (a) => isSubset(a, a).subset))
  fc.assert(
    fc.property(authority, authority, authority, (x, y, c) => {
      const b = intersect(x, c)
      const a = intersect(y, b)
      assert.ok(isSubset(a, b).subset && isSubset(b, c).subset && isSubset(a, c).subset)
      if (isSubset(x, y).subset && isSubset(y, c).subset) assert.ok(isSubset(x, c).subset)
    }),
    cases(500),
  )
})

test('subset: the intersection is within both, and nothing within both is outside it', () => {
  fc.assert(
    fc.property(authority, authority, authority, (a, b, c) => {
      const both = intersect(a, b)
      assert.ok(isSubset(both, a).subset && isSubset(both, b).subset)
      if (isSubset(c, a).subset && isSubset(c, b).subset) assert.ok(isSubset(c, both).subset)
    }),
    cases(500),
  )
})

test('subset agrees with what a grant covers: a child covers no call that its parent does not', () => {
  fc.assert(
    fc.property(
      authority,
      authority,
      fc.constantFrom('https://a/', 'https://b/'),
      fc.constantFrom('read', 'write'),
      (child, parent, resource, name) => {
        const call = { resource, method: 'tools/call', name }
        if (!isSubset(child, parent).subset || !grantCovers(child.authorizationDetails, call)) return
        assert.ok(grantCovers(parent.authorizationDetails, call))
      },
    ),
    cases(500),
  )
})

test('normalizing changes the form and not the authority', () => {
  fc.assert(
    fc.property(authority, (a) => {
      const normal = { scope: a.scope, authorizationDetails: normalizeDetails(a.authorizationDetails) }
      assert.ok(isSubset(a, normal).subset && isSubset(normal, a).subset)
    }),
  )
})

test('the first thing that grew is named', () => {
  const parent = { scope: ['a'], authorizationDetails: [tools(FILES, 'read')] }
  const cases = [
    [
      { scope: ['a', 'b'], authorizationDetails: [] },
      { what: 'scope', value: 'b' },
    ],
    [only(tools('https://other/', 'read')), { what: 'location', value: 'https://other/' }],
    [only(tools(FILES, 'read', 'write')), { what: 'tool', value: 'write' }],
    [only(tools(FILES, 'Read')), { what: 'tool', value: 'Read' }],
    [only({ type: 'payment' }), { what: 'type', value: 'payment' }],
  ] as const
  for (const [child, grew] of cases) assert.deepEqual(isSubset(child, parent), { subset: false, grew })
})

test('what is not understood is compared with nothing, not even with itself', () => {
  const odd: { readonly type: string }[] = [
    { type: 'payment' },
    { ...tools(FILES, 'read'), actions: ['x'] } as { readonly type: string },
    { type: 'mcp_tools' },
    { type: 'mcp_tools', locations: [FILES, FILES], tools: ['read'] } as { readonly type: string },
    { type: 'mcp_tools', locations: [FILES], tools: [] } as { readonly type: string },
    { type: 'mcp_tools', locations: [FILES], tools: 'read' } as { readonly type: string },
  ]
  for (const one of odd) {
    assert.ok(!isSubset(only(one), only(one)).subset)
    assert.ok(!grantCovers([one], { resource: FILES, method: 'tools/call', name: 'read' }))
    assert.deepEqual(intersect(only(one), only(one)).authorizationDetails, [])
  }
})

test('a grant of tools covers those tools and talk about their server, nothing else', () => {
  const details = [tools(FILES, 'read')]
  const covers = (method: string, name: string, resource = FILES) => grantCovers(details, { resource, method, name })
  assert.ok(covers('tools/call', 'read') && covers('tools/list', ''))
  for (const name of ['write', 'READ', ' read', 'read\u200b', '', '__proto__', 'constructor'])
    assert.ok(!covers('tools/call', name))
  assert.ok(!covers('resources/read', 'read'))
  assert.ok(!covers('unknown', ''))
  assert.ok(!covers('tools/call', 'read', `${FILES}/`))
})

test('consequential: everything but reading public data', () => {
  assert.ok(!isConsequential({ effect: 'read', publicData: true }))
  for (const labels of [
    {},
    { effect: 'read' },
    { publicData: true },
    { effect: 'write', publicData: true },
    { effect: 'read', publicData: false },
  ] as const) {
    assert.ok(isConsequential(labels))
  }
})

const party = { iss: 'https://as.example', sub: 'usr_1' }
test('a token covers what its grant names, and a grant that names nothing covers nothing', () => {
  const details = [{ type: 'mcp_tools' as const, locations: [FILES] as [string], tools: ['read'] }]
  const call = { resource: FILES, method: 'tools/call', name: 'read' }
  assert.ok(tokenCovers({ authorizationDetails: [], subject: party }, call), 'nobody’s grant: scope and policy say')
  assert.ok(!tokenCovers({ authorizationDetails: [], grant: id('grt'), subject: party }, call))
  const caller = { authorizationDetails: details, grant: id('grt'), subject: party }
  const covers = (method: string, name = '') => tokenCovers(caller, { resource: FILES, method, name })
  assert.ok(covers('tools/call', 'read') && covers('tools/list') && covers('notifications/initialized'))
  assert.ok(!covers('tools/call', 'write') && !covers('resources/read', 'file:///etc/passwd'))
  assert.ok(!covers('prompts/get', 'p') && !covers('http.get', '/files') && !covers('http.post', '/'))
})

const operation = (): OperationFacts => ({
  id: id('opn'),
  domain: id('dom'),
  subject: party,
  actors: [],
  resource: FILES,
  method: 'tools/call',
  name: 'read',
  arguments: { path: 'a', n: 1 },
  labels: {},
})

test('op: the same for every retry, another for everything that changes what happens', () => {
  const one = operation()
  const base = operationHash(one)
  assert.equal(
    operationHash({
      ...one,
      id: id('opn'),
      arguments: { n: 1, path: 'a' },
      wire: Buffer.from('x'),
      labels: { effect: 'read' },
    }),
    base,
  )
  const changes: Partial<OperationFacts>[] = [
    { subject: { ...party, sub: 'usr_2' } },
    { subject: { ...party, iss: 'https://b' } },
    { actors: [{ party }] },
    { resource: `${FILES}/` },
    { method: 'tools/list' },
    { name: 'write' },
    { arguments: { path: 'a', n: 2 } },
    { arguments: { path: 'a', n: '1' } },
    { definitionHash: 'x' },
    { more: { requestState: 'x' } },
    { more: {} },
  ]
  const hashes = new Set(changes.map((change) => operationHash({ ...one, ...change })))
  assert.equal(hashes.size, changes.length)
  assert.ok(!hashes.has(base))
})

const issuer = 'https://as.example'
const facts = (): CallerFacts => {
  const agent = id('agt')
  return {
    domain: id('dom'),
    subject: { iss: issuer, sub: id('usr') },
    actors: [
      {
        party: { iss: issuer, sub: agentSpiffeId('example.org', agent) },
        agent,
        owner: id('own'),
        instance: id('ins'),
      },
    ],
    clientId: agent,
    audience: FILES,
    scope: ['a', 'b'],
    authorizationDetails: [tools(FILES, 'read')],
    proof: 'dpop',
    jkt: 'A'.repeat(43),
    tokenId: id('jti'),
    tokenHash: 'h',
    signingKey: 'k1',
    grant: id('grt'),
    session: id('ses'),
    txn: 'txn_1',
    feed: 7,
    issuedAt: 1_800_000_000,
    expiresAt: 1_800_000_300,
  }
}
const trip = (from: CallerFacts): CallerFacts => {
  const claims = accessTokenClaims({ facts: from, issuer, jti: from.tokenId ?? '', epoch: 0 })
  const judged = claimRules(JSON.parse(JSON.stringify(claims)), {
    issuer,
    audience: FILES,
    now: 1_800_000_000_000,
    bearer: 'allowed',
  })
  return callerFacts(judged, { hash: 'h', signingKey: 'k1' }, from.domain)
}

test('facts survive the way through claims: person with agent, agent alone, bearer', () => {
  const person = facts()
  assert.deepEqual(trip(person), person)
  const [actor] = person.actors
  assert.ok(actor)
  const alone: CallerFacts = { ...person, subject: actor.party }
  assert.deepEqual(trip(alone), alone)
  assert.equal(accessTokenClaims({ facts: alone, issuer, jti: 'jti', epoch: 0 }).act, undefined)
  const { jkt: _jkt, ...unbound } = person
  const bearer: CallerFacts = { ...unbound, proof: 'none', scope: [], authorizationDetails: [] }
  assert.deepEqual(trip(bearer), bearer)
  assert.deepEqual(revocationKeys(trip(person)), revocationKeys(person))
})

test('facts that do not fit are not minted, claims that do not fit are not read', () => {
  const mint = (change: Partial<CallerFacts>) =>
    accessTokenClaims({ facts: { ...facts(), ...change }, issuer, jti: 'jti', epoch: 0 })
  assert.throws(() => mint({ proof: 'none' }), { kind: 'bug' })
  assert.throws(() => mint({ subject: { iss: 'https://other', sub: 'x' } }), { kind: 'bug' })
  const claims = mint({})
  const read = (change: object, domain = id('dom')) =>
    callerFacts({ ...claims, ...change }, { hash: 'h', signingKey: 'k' }, domain)
  assert.throws(() => read({}), { kind: 'refused' })
  const { credence } = claims
  assert.ok(credence)
  const own = credence.dom as ReturnType<typeof id<'dom'>>
  for (const change of [
    { credence: undefined },
    { grant_id: 'x' },
    { sid: 'x' },
    { credence: { ...credence, agt: 'x' } },
    { authorization_details: [{ type: 'payment' }] },
  ]) {
    assert.throws(() => read(change, own), { kind: 'refused' })
  }
})

test('revocation keys: (issuer, subject) has one border, every actor is asked about', () => {
  const keys = revocationKeys(facts())
  assert.equal(new Set(keys).size, keys.length)
  for (const prefix of [
    'domain:',
    'party:',
    'client:',
    'jti:',
    'grant:',
    'session:',
    'key:',
    'signing:',
    'agent:',
    'instance:',
    'owner:',
  ]) {
    assert.ok(
      keys.some((key) => key.startsWith(prefix)),
      prefix,
    )
  }
})

test('agents: one identifier for life', () => {
  const agent = id('agt')
  const spiffe = agentSpiffeId('example.org', agent)
  assert.equal(spiffe, `spiffe://example.org/agent/${agent}`)
  assert.equal(agentOfSpiffeId('example.org', spiffe), agent)
  for (const other of [
    'spiffe://example.org/agent/x',
    'spiffe://example.org.evil/agent/x',
    `spiffe://other.org/agent/${agent}`,
    '',
  ]) {
    assert.equal(agentOfSpiffeId('example.org', other), undefined)
  }
  assert.ok(!mayChangeStatus('retired', 'active') && mayChangeStatus('suspended', 'active'))
  for (const name of ['', ' a', 'a\u202eb', 'a\nb', 'a'.repeat(200)]) assert.ok(!DisplayName.safeParse(name).success)
  assert.ok(!Agent.safeParse({ id: 'agt_x' }).success)
})

test('servers never carry a command; grants die by status and by time', () => {
  assert.ok(!ServerTransport.safeParse({ kind: 'stdio', command: 'sh' }).success)
  assert.ok(ServerTransport.safeParse({ kind: 'stdio' }).success)
  assert.ok(isLive({ status: 'active', expiresAt: 2 }, 1))
  assert.ok(!isLive({ status: 'active', expiresAt: 2 }, 2) && !isLive({ status: 'revoked', expiresAt: 2 }, 1))
})
