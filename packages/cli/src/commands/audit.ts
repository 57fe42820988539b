import { type IndexedRecord, renderTrace, trace } from '@credence/audit'
import { refused } from '@credence/kit'
import type { LedgerRecord } from '@credence/model'
import type { Command } from '../command.ts'
import { agentId } from '../named-agent.ts'
import { table } from '../table.ts'

const whatOf = (record: LedgerRecord): string => {
  if (record.kind === 'outcome') return `${record.status}${record.code === undefined ? '' : ` ${record.code}`}`
  if (record.kind === 'reduction') return record.keys.join(' ')
  if (record.kind === 'epoch') return record.reason
  if (record.kind === 'alert') return `${record.code}: ${record.reason}`
  const parts = [record.method, record.name].filter((part) => part !== undefined && part !== '')
  return record.kind === 'refusal' ? `${parts.join(' ')} refused: ${record.code}` : parts.join(' ')
}

const subjectOf = (record: LedgerRecord): string | undefined => ('subject' in record ? record.subject?.sub : undefined)

export const auditTail: Command = {
  name: 'audit tail',
  summary: 'The newest records, oldest first',
  takes: [0, 0],
  flags: {
    n: { type: 'string', value: 'COUNT', about: 'how many (default 20)' },
    kind: { type: 'string', value: 'KIND', about: 'intent, outcome, refusal, reduction, epoch or alert' },
  },
  run: async (context) => {
    const query = new URLSearchParams({ n: context.text('n') ?? '20' })
    const kind = context.text('kind')
    if (kind !== undefined) query.set('kind', kind)
    const answer = await context.api().get<{ records: readonly IndexedRecord[] }>(`/v1/audit/records?${query}`)
    context.print(answer, () =>
      table(
        ['leaf', 'time', 'kind', 'subject', 'what'],
        answer.records.map(({ index, record }) => [
          index,
          new Date(record.at).toISOString(),
          record.kind,
          subjectOf(record),
          whatOf(record),
        ]),
      ),
    )
  },
}

/** Identifiers are longer, and have a prefix or a hash's length. */
const NAME = /^(?![a-z]{3}_)[A-Za-z0-9][A-Za-z0-9.-]{0,30}$/

export const auditTrace: Command = {
  name: 'audit trace',
  operands: 'ID',
  summary: 'Everything about one task: by transaction, token, grant, agent (also its name), operation or record',
  takes: [1, 1],
  run: async (context) => {
    const [text = ''] = context.operands
    const id = NAME.test(text) ? await agentId(context.api(), text) : text
    const { records } = await context
      .api()
      .get<{ records: readonly IndexedRecord[] }>(`/v1/audit/trace/${encodeURIComponent(id)}`)
    const tree = trace(records, id)
    context.print(tree, () => renderTrace(tree).trimEnd())
    if (records.length === 0) throw refused('trace_empty', `Nothing is recorded under ${id}.`)
  },
}
