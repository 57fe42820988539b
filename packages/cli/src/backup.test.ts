import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createAgent, loadSigner } from '@credence/agent'
import { operatorKey, readOperator } from '@credence/authority/operator'
import { nodeClock, nodeFetch, nodeRandom } from '@credence/kit/node'
import { createProof } from '@credence/protocol/dpop'
import { signerOf } from '@credence/protocol/jose'
import { MAIN, openTestDomain, type TestDomain } from './testing/index.ts'

describe('backup and restore', { timeout: 120_000 }, () => {
  let domain: TestDomain
  before(async () => {
    domain = await openTestDomain({ servers: false })
  })
  after(() => domain.close())

  /** The operator's interface with a token that was given before. */
  const withToken = async (token: string): Promise<number> => {
    const file = readOperator(domain.dataDir)
    if (file === undefined) throw new Error('no operator')
    const url = `${domain.issuer}/v1/status`
    const proof = await createProof({
      signer: signerOf(operatorKey(file)),
      method: 'GET',
      url,
      jti: `jti_${Buffer.from(nodeRandom.bytes(16)).toString('base64url')}`,
      iat: Math.floor(nodeClock.now() / 1000),
      accessToken: token,
    })
    return (await nodeFetch(url, { headers: { authorization: `DPoP ${token}`, dpop: proof } })).status
  }

  const operatorToken = async (): Promise<string> => {
    const file = readOperator(domain.dataDir)
    if (file === undefined) throw new Error('no operator')
    const agent = createAgent({
      clientId: file.clientId,
      signer: signerOf(operatorKey(file)),
      clock: nodeClock,
      random: nodeRandom,
      allowPrivate: [new URL(domain.issuer).host],
    })
    const { accessToken } = await agent.tokenFor(domain.issuer, `${domain.issuer}/v1`, 'admin')
    await agent.close()
    return accessToken
  }

  test('a restored domain is the same one, in an epoch in which older tokens are void', async () => {
    const kept = await domain.command<{ id: string; folder: string }>('agent', 'add', 'kept')
    await loadSigner(join(kept.folder, 'key.pem'))
    const token = await operatorToken()
    assert.equal(await withToken(token), 200)
    const target = join(domain.stage.dir, 'backup')
    await domain.command('backup', target)
    await assert.rejects(domain.command('backup', target), /exists/)
    const late = await domain.command<{ id: string }>('agent', 'add', 'too-late')
    await domain.stage.close(domain.up)

    const dataDir = join(domain.stage.dir, 'restored')
    const restored = spawnSync(
      process.execPath,
      [MAIN, 'restore', target, '--data-dir', dataDir, '--config', domain.config, '--json'],
      { encoding: 'utf8' },
    )
    assert.equal(restored.status, 0, restored.stderr)
    assert.equal(JSON.parse(restored.stdout).epoch, 2)
    await domain.stage.start('up', '--data-dir', dataDir, '--config', domain.config)
    assert.equal(await withToken(token), 401, 'a token of the time before the restore')
    const { agents } = await domain.stage.command<{ agents: readonly { id: string }[] }>(
      'agent',
      'list',
      '--data-dir',
      dataDir,
    )
    const ids = agents.map(({ id }) => id)
    assert.deepEqual([ids.includes(kept.id), ids.includes(late.id)], [true, false])
    const verdict = await domain.stage.command<{ sound: boolean }>('audit', 'verify', '--data-dir', dataDir)
    assert.equal(verdict.sound, true)
    await assert.rejects(
      domain.stage.command('restore', target, '--data-dir', dataDir, '--config', domain.config),
      /empty directory|holds a domain/,
    )
  })

  test('a backup of nothing says so', async () => {
    writeFileSync(join(domain.stage.dir, 'empty.json'), '{}')
    const nothing = ['--data-dir', join(domain.stage.dir, 'nothing'), '--config', join(domain.stage.dir, 'empty.json')]
    await assert.rejects(domain.stage.command('backup', join(domain.stage.dir, 'b2'), ...nothing), /no domain/)
  })
})
