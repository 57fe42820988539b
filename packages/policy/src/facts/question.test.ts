/** What is remembered of rows is what they say now. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentView, RegistryView, ToolView } from '../registry-view.ts'
import { agentEntity, serverEntity, toolEntity } from './question.ts'

type Changeable<Row> = { -readonly [Name in keyof Row]: Row[Name] }

const none: RegistryView = { agent: () => undefined, server: () => undefined, tool: () => undefined }

test('a row that does not change is one entity', () => {
  const agent: AgentView = { id: 'agt_1', status: 'active', role: 'agent', owner: 'own_1' }
  const server = { resource: 'https://files.example', name: 'files' }
  const registry: RegistryView = {
    agent: () => agent,
    server: () => server,
    tool: (_resource, name) => ({ name, effect: 'read' }),
  }
  assert.equal(agentEntity('agt_1', registry), agentEntity('agt_1', registry))
  const { uid } = serverEntity(server.resource, registry)
  assert.equal(serverEntity(server.resource, registry).uid, uid)
  assert.equal(toolEntity(uid, 'list', registry), toolEntity(uid, 'list', registry), 'made anew with the same content')
})

test('an agent whose row is changed in its place is what the row says', () => {
  const row: Changeable<AgentView> = { id: 'agt_1', status: 'active', role: 'operator', owner: 'own_1' }
  const registry = { ...none, agent: () => row }
  const now = (id = 'agt_1') => agentEntity(id, registry)
  assert.equal(now().attrs.get('status'), 'active')
  row.status = 'suspended'
  assert.equal(now().attrs.get('status'), 'suspended')
  row.role = 'agent'
  assert.equal(now().attrs.get('role'), 'agent')
  row.owner = 'own_2'
  assert.deepEqual([...now().ancestors], ['Owner"own_2'])
  row.groups = ['day', 'night']
  assert.deepEqual([...now().ancestors].sort(), ['Group"day', 'Group"night', 'Owner"own_2'])
  assert.equal(now(), now(), 'the same groups, the same entity')
  row.groups = ['night', 'off']
  assert.deepEqual([...now().ancestors].sort(), ['Group"night', 'Group"off', 'Owner"own_2'])
  delete row.groups
  assert.deepEqual([...now().ancestors], ['Owner"own_2'])
  row.id = 'agt_2'
  assert.equal(now('agt_2').uid.id, 'agt_2', 'one object for whoever is asked about')
})

test('a server and a tool whose rows are changed in their place are what the rows say', () => {
  const server = { resource: 'https://files.example', name: 'files' }
  const tool: Changeable<ToolView> = { name: 'list', effect: 'read', publicData: true, definitionHash: 'one' }
  const registry = { ...none, server: () => server, tool: () => tool }
  const now = () => toolEntity(serverEntity(server.resource, registry).uid, 'list', registry).attrs
  assert.equal(now().get('effect'), 'read')
  tool.effect = 'delete'
  assert.equal(now().get('effect'), 'delete')
  tool.publicData = false
  assert.equal(now().get('publicData'), false)
  tool.definitionHash = 'two'
  assert.equal(now().get('definition'), 'two')
  server.name = 'archive'
  assert.equal(serverEntity(server.resource, registry).attrs.get('name'), 'archive')
  server.resource = 'https://other.example'
  assert.equal(serverEntity(server.resource, registry).uid.id, 'https://other.example')
})
