import { writeFileSync } from 'node:fs'
import { type IndexedRecord, type RecordProof, toProofFile } from '@credence/audit'
import { refused } from '@credence/kit'
import type { Command, Context } from '../command.ts'
import { facts } from '../table.ts'

/** A number is the place in the ledger; anything else is the id of a record. */
const indexOf = async (context: Context, wanted: string): Promise<number> => {
  if (/^\d{1,15}$/.test(wanted)) return Number(wanted)
  const path = `/v1/audit/trace/${encodeURIComponent(wanted)}`
  const { records } = await context.api().get<{ records: readonly IndexedRecord[] }>(path)
  const found = records.find(({ record }) => record.id === wanted)
  if (found !== undefined) return found.index
  throw refused(
    'record_unknown',
    `There is no record ${wanted}. \`credence audit tail\` and \`audit trace\` show them.`,
    {
      status: 404,
    },
  )
}

export const auditProof: Command = {
  name: 'audit proof',
  operands: 'RECORD|LEAF',
  summary: 'One record with the proof that it is in the ledger, as a file for somebody else',
  help: [
    'The file (C2SP tlog-proof) holds the record itself; `credence audit verify FILE --key KEY` checks it anywhere, offline.',
    'It leads to a checkpoint that witnesses cosigned, as soon as one covers the record.',
  ].join('\n'),
  takes: [1, 1],
  flags: { out: { type: 'string', value: 'FILE', about: 'default RECORD.tlog-proof in this folder' } },
  run: async (context) => {
    const [wanted = ''] = context.operands
    const index = await indexOf(context, wanted)
    const proof = await context.api().get<RecordProof>(`/v1/audit/proof/${index}`)
    const file = context.text('out') ?? `${/^\w+$/.test(wanted) ? wanted : index}.tlog-proof`
    writeFileSync(file, toProofFile(proof))
    context.print({ index, treeSize: proof.treeSize, file }, () =>
      facts([
        ['record', index],
        ['ledger size', proof.treeSize],
        ['file', file],
      ]),
    )
  },
}
