/** What only the enforcement point can know of a call: what it leaves out is never taken for the harmless value. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicySet, decideAuthZen, type VerifiedFacts } from './index.ts'

const RESOURCE = 'https://gw.example/mcp/files'
const registry = {
  agent: () => ({ id: 'agt_one', owner: 'own_a', status: 'active' as const, role: 'agent' as const, groups: [] }),
  server: () => ({ name: 'files', resource: RESOURCE }),
  tool: () => undefined,
}
const request = {
  subject: { type: 'agent', id: 'agt_one' },
  action: { name: 'tools/call' },
  resource: { type: 'tool', id: JSON.stringify([RESOURCE, 'read']) },
}

const decided = async (policy: string, actors?: VerifiedFacts['actors']): Promise<boolean> => {
  const snapshot = await compilePolicySet({
    files: [{ name: 'a.cedar', text: `@id("p") permit (principal, action, resource);\n@id("f") ${policy}` }],
  })
  const facts: VerifiedFacts = {
    subject: { iss: 'https://as.example', sub: 'usr_a' },
    granted: true,
    proof: 'dpop',
    ...(actors === undefined ? {} : { actors }),
  }
  const options = { snapshot, registry: registry as never, issuer: 'https://as.example', clock: { now: () => 0 } }
  return (await decideAuthZen(request, { ...options, verified: () => facts })).decision
}

const one = { id: 'agt_one', registered: true }
const stranger = { id: 'https://other.example#x', registered: false }

for (const [name, policy] of [
  ['strangers', 'forbid (principal, action, resource) when { context.strangers > 0 };'],
  ['depth', 'forbid (principal, action, resource) when { context.depth > 1 };'],
  ['chain', 'forbid (principal, action, resource) when { !context.chain.contains(Agent::"agt_one") };'],
] as const)
  test(`${name}: a policy that reads it refuses a request that does not say through whom the call goes`, async () => {
    assert.equal(await decided(policy), false)
    assert.equal(await decided(policy, [one]), true)
    if (name !== 'chain') assert.equal(await decided(policy, [one, stranger]), false)
    else assert.equal(await decided(policy, [stranger]), false)
  })

test('without such a policy nobody needs to say it', async () => {
  assert.equal(
    await decided('forbid (principal, action, resource) when { context.consequential && !context.granted };'),
    true,
  )
})
