import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditVerdict, type IndexedRecord, plainText, renderTrace, trace, verifyAudit } from '@credence/audit'
import { refused } from '@credence/kit'
import type { LedgerRecord } from '@credence/model'
import type { Command, Context } from '../command.ts'
import { readTlogPolicy } from '../compose/witnesses.ts'
import { agentId } from '../named-agent.ts'
import { verifierKeyFile } from '../private-files.ts'
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

const verifierKey = (context: Context): string => {
  const given = context.text('key')
  if (given !== undefined) return existsSync(given) ? readFileSync(given, 'utf8').trim() : given
  const file = verifierKeyFile(context.settings.dataDir)
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  throw refused('verifier_key_needed', `There is no ${file}. Give the key of the ledger with --key.`)
}

const firstReason = ({ ledger, findings }: AuditVerdict): string => {
  const { firstBad } = ledger
  if (firstBad !== undefined) return `${firstBad.reason} in ${firstBad.file} at byte ${firstBad.offset}`
  const finding = findings.find(({ kind }) => kind !== 'no_outcome')
  return finding === undefined ? 'no reason given' : `${finding.kind} at record ${finding.index}, ${finding.detail}`
}

const isWitnessed = ({ witnessed }: AuditVerdict): boolean => witnessed !== 'unwitnessed' && witnessed.enough

/** Who else vouches for it, and for how much of it. */
const witnessLine = ({ witnessed, ledger }: AuditVerdict, context: Context): string => {
  if (witnessed !== 'unwitnessed') {
    const by = witnessed.by
      .map(({ name, time, independent }) => {
        const when = new Date(time * 1000).toISOString()
        return `${plainText(name)} (${when}${independent ? '' : ', not independent'})`
      })
      .join(', ')
    const enough = witnessed.enough ? 'Witnessed' : 'NOT WITNESSED ENOUGH'
    return `${enough}: the first ${witnessed.size} of ${ledger.size} records, by ${by}.`
  }
  return context.texts('against').length > 0
    ? 'It agrees with the checkpoints that were kept elsewhere.'
    : 'Unwitnessed: who holds the key of the ledger could have written all of it anew (--witnesses, --against).'
}

export const auditVerify: Command = {
  name: 'audit verify',
  operands: '[LEDGER]',
  summary: 'Is every record still as it was written? Offline; also for a copy',
  takes: [0, 1],
  flags: {
    key: {
      type: 'string',
      value: 'KEY|FILE',
      about: 'public key of the ledger (default: ledger.vkey in the data directory)',
    },
    against: { type: 'string', multiple: true, value: 'FILE', about: 'a checkpoint that somebody else kept' },
    witnesses: {
      type: 'string',
      value: 'FILE',
      about: 'your own policy of witnesses (C2SP tlog-policy): fails when too few of them cosigned',
    },
    own: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      about: 'a witness of that policy that the operator of the ledger runs: it does not count',
    },
  },
  run: async (context) => {
    const folder = context.operands[0] ?? join(context.settings.dataDir, 'ledger')
    const file = context.text('witnesses')
    const policy = file === undefined ? undefined : readTlogPolicy(file)
    const verdict = await verifyAudit(folder, verifierKey(context), {
      against: context.texts('against').map((path) => readFileSync(path, 'utf8')),
      ...(policy === undefined ? {} : { witnesses: { policy, own: context.texts('own') } }),
    })
    context.print(verdict, () =>
      [
        verdict.sound ? `Sound: ${verdict.records} records, as they were written.` : 'NOT SOUND.',
        ...(verdict.ledger.sound ? [] : [plainText(JSON.stringify(verdict.ledger), 2000)]),
        ...verdict.findings
          .slice(0, 20)
          .map(({ kind, index, detail }) => `  ${kind} at ${index}: ${plainText(detail)}`),
        witnessLine(verdict, context),
      ].join('\n'),
    )
    if (!verdict.sound)
      throw refused('ledger_not_sound', `The ledger is not as it was written: ${firstReason(verdict)}.`)
    if (policy !== undefined && !isWitnessed(verdict))
      throw refused('ledger_not_witnessed', 'Too few independent witnesses of your policy stand behind this ledger.')
  },
}
