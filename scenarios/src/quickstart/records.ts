/** What the ledger says afterwards, and that nobody can change it unnoticed. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Observed } from '../report.ts'
import { inPlay, type Play } from './play.ts'

export const examine = async (play: Play, grant: string): Promise<void> => {
  const { stage, report } = play
  await report.step('trace', 'the whole task by its grant: consent, token, calls, refusals, revocation', async () => {
    const tree = await stage.command<{
      calls: number
      refusals: number
      branches: readonly { steps: readonly { intent?: { method: string } }[] }[]
    }>(...inPlay(play, 'audit', 'trace', grant))
    const methods = new Set(tree.branches.flatMap(({ steps }) => steps.flatMap(({ intent }) => intent?.method ?? [])))
    const wanted = ['grant.allow', 'token.issue', 'tools/call', 'grant.revoke']
    const missing = wanted.filter((method) => !methods.has(method))
    return {
      ok: missing.length === 0 && tree.refusals > 0,
      observed: `${tree.calls} calls, ${tree.refusals} refusals, in ${tree.branches.length} branches: ${[...methods].sort().join(', ')}${missing.length > 0 ? `; missing ${missing.join(', ')}` : ''}`,
    }
  })
  await report.step('ledger', 'every record is as it was written', async () => {
    const verdict = await stage.command<{ sound: boolean; records: number }>(...inPlay(play, 'audit', 'verify'))
    return { ok: verdict.sound, observed: `${verdict.records} records, sound` }
  })
  await report.step('one byte changed', 'in a copy of the ledger, and it is found', () => tampered(play))
}

const tampered = async (play: Play): Promise<Observed> => {
  const copy = join(play.stage.dir, 'tampered')
  // The ledger is in use: what is being written under another name is nothing yet.
  cpSync(join(play.dataDir, 'ledger'), copy, { recursive: true, filter: (path) => !path.endsWith('.tmp') })
  const [segment = ''] = readdirSync(join(copy, 'segments'))
  const file = join(copy, 'segments', segment)
  const bytes = readFileSync(file)
  const at = bytes.indexOf('"tools/call"')
  bytes[at + 1] = 'T'.charCodeAt(0)
  writeFileSync(file, bytes)
  const found = await play.stage.command<unknown>(...inPlay(play, 'audit', 'verify', copy)).then(
    () => 'not found',
    (error: Error) => error.message,
  )
  return { ok: at > 0 && found.includes('not as it was written'), observed: `byte ${at + 1} of ${segment}: ${found}` }
}
