import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { newId } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { type EmbeddedLedger, openLedger } from '@credence/ledger'
import type { NewIntent, NewOutcome, NewRefusal } from '../ports.ts'

export const DOMAIN = newId('dom', nodeRandom)
export const random = nodeRandom
const keys = generateKeyPairSync('ed25519')

export const tempLedger = async (t: TestContext): Promise<{ ledger: EmbeddedLedger; dir: string }> => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-audit-'))
  const ledger = await reopen(dir)
  t.after(async () => {
    await ledger.close()
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  })
  return { ledger, dir }
}

export const reopen = (dir: string): Promise<EmbeddedLedger> =>
  openLedger({ dir, origin: 'audit.example', signer: keys.privateKey })

/** A clock that a test turns by hand. */
export const handClock = (at = 1_700_000_000_000) => {
  const clock = { at, now: () => clock.at, monotonic: () => clock.at }
  return clock
}

export const newIntent = (more: Partial<NewIntent> = {}): NewIntent => ({
  kind: 'intent',
  operation: newId('opn', nodeRandom),
  op: 'b3BlcmF0aW9u',
  resource: 'http://127.0.0.1:7421/mcp/files',
  method: 'tools/call',
  name: 'read_file',
  subject: { iss: 'http://127.0.0.1:7420', sub: 'usr_alice' },
  actors: [
    { iss: 'http://127.0.0.1:7420', sub: 'spiffe://example/agent/agt_one', agent: 'agt_one', owner: 'own_team' },
  ],
  client: 'agt_one',
  proof: 'dpop',
  jti: 'jti_1',
  grant: 'grt_1',
  txn: 'txn_1',
  decision: { id: 'dec_1', policies: ['readers'], version: 'v1hash', reason: 'Readers may read.' },
  deadline: 1_700_000_030_000,
  ...more,
})

export const newOutcome = (intent: string, operation: string, more: Partial<NewOutcome> = {}): NewOutcome => ({
  kind: 'outcome',
  intent,
  operation,
  status: 'done',
  ms: 12,
  ...more,
})

export const newRefusal = (more: Partial<NewRefusal> = {}): NewRefusal => ({
  kind: 'refusal',
  code: 'not_granted',
  reason: 'No policy permits this.',
  resource: 'http://127.0.0.1:7421/mcp/files',
  method: 'tools/call',
  name: 'write_file',
  subject: { iss: 'http://127.0.0.1:7420', sub: 'usr_alice' },
  actors: [
    { iss: 'http://127.0.0.1:7420', sub: 'spiffe://example/agent/agt_one', agent: 'agt_one', owner: 'own_team' },
  ],
  client: 'agt_one',
  grant: 'grt_1',
  txn: 'txn_1',
  ...more,
})

/** A ledger in front of another, with levers. */
export const leveredLedger = (inner: EmbeddedLedger) => {
  const levers = { fail: false, held: [] as (() => void)[], hold: false, appended: 0 }
  const ledger: EmbeddedLedger = {
    origin: inner.origin,
    verifierKey: inner.verifierKey,
    recovered: inner.recovered,
    append: async (entry) => {
      if (levers.hold) await new Promise<void>((resolve) => levers.held.push(resolve))
      if (levers.fail) {
        const { unavailable } = await import('@credence/kit')
        throw unavailable('ledger_full', 'full')
      }
      levers.appended += 1
      return inner.append(entry)
    },
    problem: () => inner.problem(),
    size: () => inner.size(),
    checkpoint: () => inner.checkpoint(),
    refresh: () => inner.refresh(),
    entry: (index) => inner.entry(index),
    entryBundle: (n, width) => inner.entryBundle(n, width),
    entries: (from, to) => inner.entries(from, to),
    inclusionProof: (index, size) => inner.inclusionProof(index, size),
    consistencyProof: (from, to) => inner.consistencyProof(from, to),
    publish: () => inner.publish(),
    close: () => inner.close(),
  }
  const release = () => {
    levers.hold = false
    for (const resolve of levers.held.splice(0)) resolve()
  }
  return { ledger, levers, release }
}

export const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 400; i += 1) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('it did not come to pass')
}
