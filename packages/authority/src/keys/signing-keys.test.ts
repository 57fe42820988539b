/** What whoever can write to the store, but has no key-encryption key, must not achieve. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeKeys } from '@credence/kit/node'
import { publicJwkOf, thumbprint } from '@credence/protocol/jose'
import { openWorld } from '../testing/world.ts'

const read = async (issuer: string) =>
  ((await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string; x: string }[] }).keys

test('a public key put into the store is not published: what is published belongs to what was sealed', async () => {
  const world = await openWorld()
  try {
    const { db, domain } = world.authority.embedded
    const before = await read(world.config.issuer)
    const kid = before[0]?.kid ?? ''
    const theirs = publicJwkOf(nodeKeys.es256().publicKey)
    const forged = JSON.stringify({ ...theirs, kid, use: 'sig', alg: 'ES256' })
    const parameters = [forged, domain.id, kid]
    await db.atomically([{ sql: 'UPDATE signing_keys SET public_jwk = ? WHERE domain = ? AND kid = ?', parameters }])
    const failed = await world.restart().then(
      () => undefined,
      (error: unknown) => error as { code?: string },
    )
    if (failed !== undefined) return assert.equal(failed.code, 'unsealable')
    const after = await read(world.config.issuer)
    assert.deepEqual(after, before)
    for (const key of after) assert.equal(thumbprint(key as never), key.kid)
  } finally {
    await world.close().catch(() => undefined)
  }
})

test('two sealed keys that change places open nothing', async () => {
  const world = await openWorld()
  try {
    const { db, domain } = world.authority.embedded
    const rows = await db.read({
      sql: 'SELECT kid, sealed FROM signing_keys WHERE domain = ?',
      parameters: [domain.id],
    })
    const [a, b] = rows
    const swap = (kid: unknown, sealed: unknown) => ({
      sql: 'UPDATE signing_keys SET sealed = ? WHERE kid = ?',
      parameters: [sealed as Uint8Array, String(kid)],
    })
    await db.atomically([swap(a?.kid, b?.sealed), swap(b?.kid, a?.sealed)])
    await assert.rejects(world.restart(), { code: 'unsealable' })
  } finally {
    await world.close().catch(() => undefined)
  }
})
