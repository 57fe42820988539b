/**
 * Before the rows, an authority on PostgreSQL kept its ledger in files. They are taken over once, and stay as a copy.
 *
 * INVARIANT: a log that is in files already is never begun anew in rows: two histories under one key would be a fork.
 */
import { access, rename } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { refused } from '@credence/kit'
import { type LedgerOptions, openLedger, type RowLedger } from '@credence/ledger'

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

export const adoptFiles = async (
  dir: string,
  common: Pick<LedgerOptions, 'origin' | 'signer'>,
  open: () => Promise<RowLedger>,
): Promise<void> => {
  const segments = join(dir, 'segments')
  if (!(await exists(segments))) return
  const old = await openLedger({ dir, ...common })
  try {
    const ledger = await open()
    await mustBeginAlike(old, ledger)
    await ledger.adopt(old, `${hostname()}, ${dir}`)
    await ledger.close()
  } finally {
    await old.close()
  }
  await rename(segments, join(dir, 'segments.in-database'))
}

/** What both have, both have alike. */
const mustBeginAlike = async (
  old: Pick<RowLedger, 'size' | 'entries'>,
  ledger: Pick<RowLedger, 'size' | 'entries'>,
): Promise<void> => {
  const shared = Math.min(old.size(), ledger.size())
  const rows = ledger.entries(0, shared)[Symbol.asyncIterator]()
  for await (const { index, entry } of old.entries(0, shared)) {
    const { value } = await rows.next()
    if (value === undefined || !Buffer.from(value.entry).equals(entry)) throw forked(index)
  }
}

const forked = (index: number) =>
  refused(
    'ledger_forked',
    `The ledger in the database and the one in the files of this node differ from entry ${index} on. Start the node that holds the domain's ledger first, on a database without one.`,
  )
