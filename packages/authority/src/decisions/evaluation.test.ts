/** AuthZEN 1.0 over HTTP: an enforcement point asks about an agent, a tool and the grant behind the call. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { quickstartPolicies } from '@credence/policy'
import { addAgent, addFiles, FILES, type SeededCode, seedCode } from '../testing/seed.ts'
import { asOperator, callApi, getToken, openWorld, type TestAgent, type World } from '../testing/world.ts'

describe('POST /access/v1/evaluation', () => {
  let world: World
  let agent: TestAgent
  let other: TestAgent
  let code: SeededCode
  let token: string

  before(async () => {
    world = await openWorld()
    await addFiles(world)
    agent = await addAgent(world)
    other = await addAgent(world)
    code = await seedCode(world, agent.clientId)
    const resource = `${world.config.issuer}/v1`
    const answer = await getToken(world.config.issuer, world.operator, { form: { resource, scope: 'decide' } })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    token = String(answer.body.access_token)
  })
  after(() => world.close())

  const ask = async (more: {
    readonly agent?: string
    readonly tool?: string
    readonly server?: string
    readonly context?: object
  }) => {
    const { issuer } = world.config
    const body = {
      subject: { type: 'agent', id: more.agent ?? agent.clientId },
      action: { name: 'tools/call' },
      resource: { type: 'tool', id: JSON.stringify([more.server ?? FILES, more.tool ?? 'read_file']) },
      context: more.context ?? { grant: code.grantId, proof: 'dpop' },
    }
    const answer = await callApi(issuer, world.operator, token, 'POST', '/access/v1/evaluation', body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body as {
      decision: boolean
      context: { reason: string; policies: string[]; version: string; obligations?: object[]; pending?: boolean }
    }
  }

  it('permits what the grant allows, and says by which policy and version', async () => {
    const { decision, context } = await ask({})
    assert.equal(decision, true, JSON.stringify(context))
    assert.ok(context.policies.length > 0)
    assert.ok(context.version.length > 0)
  })

  it('denies: a tool outside the grant, another server, another agent, no grant, one that does not exist', async () => {
    for (const more of [
      { tool: 'delete_everything' },
      { server: 'https://elsewhere.example/mcp/files' },
      { agent: other.clientId },
      { context: { proof: 'dpop' } },
      { context: { grant: 'grt_AAAAAAAAAAAAAAAAAAAAAA', proof: 'dpop' } },
      { context: { grant: { id: code.grantId }, proof: 'dpop' } },
    ]) {
      const { decision, context } = await ask(more)
      assert.equal(decision, false, JSON.stringify([more, context]))
    }
  })

  it('denies a consequential call without a proven key, and believes no other word for it', async () => {
    for (const proof of [undefined, 'none', 'DPOP', true]) {
      assert.equal((await ask({ context: { grant: code.grantId, proof } })).decision, false, String(proof))
    }
  })

  it('tells obligations as the profile says, and what a person must approve is no permit', async () => {
    const operator = await asOperator(world)
    const demanding = `@id("tells") @obligation("notification to=a body=b") permit (principal, action == Action::"tools/call", resource);
      @id("asks") @ask("person") permit (principal, action == Action::"tools/call", resource) when { resource.name == "write_file" };`
    const apply = async (files: readonly { name: string; text: string }[]) => {
      const applied = await operator.call('PUT', '/v1/policies', { files })
      assert.ok(applied.status < 300, JSON.stringify(applied.body))
    }
    await apply([{ name: 'a.cedar', text: demanding }])
    const told = await ask({})
    const obligations = [{ id: 'tells', type: 'notification', properties: { to: 'a', body: 'b' } }]
    assert.deepEqual([told.decision, told.context.obligations], [true, obligations])
    const declared = { grant: code.grantId, proof: 'dpop', supported_obligations: ['step-up'] }
    assert.equal((await ask({ context: declared })).decision, false)
    const asked = await ask({ tool: 'write_file' })
    assert.deepEqual([asked.decision, asked.context.pending], [false, true])
    await apply(quickstartPolicies().files.map(({ name, text }) => ({ name, text })))
  })

  it('denies from the moment at which the grant is withdrawn', async () => {
    const operator = await asOperator(world)
    assert.ok((await operator.call('POST', `/v1/grants/${code.grantId}/revoke`)).status < 300)
    assert.equal((await ask({})).decision, false)
  })

  it('a malformed request is 400, never a decision', async () => {
    const { issuer } = world.config
    for (const body of [{}, { subject: { type: 'agent' } }, { subject: 'a', action: 'b', resource: 'c' }]) {
      const { status } = await callApi(issuer, world.operator, token, 'POST', '/access/v1/evaluation', body)
      assert.equal(status, 400)
    }
  })
})
