/** Offline: is a ledger, or one record of it, still as it was written, and who else vouches for it? */
import { readFileSync, statSync } from 'node:fs'
import { type AuditVerdict, type ProofVerdict, plainText, verifyAudit, verifyProofFile } from '@credence/audit'
import { refused } from '@credence/kit'
import { nodeClock } from '@credence/kit/node'
import type { Command, Context } from '../command.ts'
import { withLedgerFolder } from '../compose/ledger-copy.ts'
import { readTlogPolicy } from '../compose/witnesses.ts'
import { usage } from '../errors.ts'
import { facts } from '../table.ts'
import { verifierKey } from '../verifier-key.ts'

const firstReason = ({ ledger, findings }: AuditVerdict): string => {
  const { firstBad } = ledger
  if (firstBad !== undefined) return `${firstBad.reason} in ${firstBad.file} at byte ${firstBad.offset}`
  const finding = findings.find(({ kind }) => kind !== 'no_outcome')
  return finding === undefined ? 'no reason given' : `${finding.kind} at record ${finding.index}, ${finding.detail}`
}

type Vouched = Pick<AuditVerdict, 'witnessed'>

const isWitnessed = ({ witnessed }: Vouched): boolean => witnessed !== 'unwitnessed' && witnessed.enough

/** Who else vouches for it, and for how much of it. */
const witnessLine = ({ witnessed }: Vouched, size: number, context: Context): string => {
  if (witnessed !== 'unwitnessed') {
    const by = witnessed.by
      .map(({ name, time, independent }) => {
        const when = new Date(time * 1000).toISOString()
        return `${plainText(name)} (${when}${independent ? '' : ', not independent'})`
      })
      .join(', ')
    const enough = witnessed.enough ? 'Witnessed' : 'NOT WITNESSED ENOUGH'
    const rest = size - witnessed.size
    return [
      `${enough}: the first ${Math.min(witnessed.size, size)} of ${size} records, by ${by}.`,
      ...(rest > 0 ? [`Not witnessed: the last ${rest}, which carry only the ledger's own signature.`] : []),
    ].join('\n')
  }
  return context.texts('against').length > 0
    ? 'It agrees with the checkpoints that were kept elsewhere.'
    : 'Unwitnessed: who holds the key of the ledger could have written all of it anew (--witnesses, --against).'
}

type Witnesses = Parameters<typeof verifyProofFile>[2]

const witnessesOf = (context: Context): Witnesses => {
  const file = context.text('witnesses')
  return file === undefined
    ? undefined
    : { policy: readTlogPolicy(file), own: context.texts('own'), now: nodeClock.now() }
}

/** How many records must be covered: a ledger whose witnesses saw only its beginning may have been rewritten behind it. */
const wantedCover = (context: Context, size: number): number => {
  const text = context.text('covers') ?? '1'
  if (text === 'all') return size
  if (!/^\d{1,15}$/.test(text)) throw usage('--covers: a number of records, or all')
  return Number(text)
}

const mustBeWitnessed = (verdict: Vouched, size: number, witnesses: Witnesses, context: Context): void => {
  if (witnesses === undefined) return
  if (!isWitnessed(verdict) || verdict.witnessed === 'unwitnessed')
    throw refused('ledger_not_witnessed', 'Too few independent witnesses of your policy stand behind this.')
  const wanted = wantedCover(context, size)
  if (verdict.witnessed.size < wanted)
    throw refused(
      'ledger_not_covered',
      `Witnesses saw ${verdict.witnessed.size} records, and ${wanted} must be covered (--covers).`,
    )
}

/** One record on its own: C2SP tlog-proof, as `audit proof` writes it. */
const verifyFile = (file: string, context: Context): void => {
  const witnesses = witnessesOf(context)
  const verdict: ProofVerdict = verifyProofFile(readFileSync(file, 'utf8'), verifierKey(context), witnesses)
  const { record, index, size, origin } = verdict
  context.print(verdict, () =>
    [
      `Sound: record ${index} of the ledger ${plainText(origin)}, which had ${size} when it signed.`,
      facts(
        Object.entries(record).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : JSON.stringify(value),
        ]),
      ),
      witnessLine(verdict, size, context),
    ].join('\n'),
  )
  mustBeWitnessed(verdict, index + 1, witnesses, context)
}

/** `seen`: checkpoints that are kept on this host beside the ledger. */
const verifyFolder = async (folder: string, context: Context, seen: readonly string[] = []): Promise<void> => {
  const witnesses = witnessesOf(context)
  const verdict = await verifyAudit(folder, verifierKey(context), {
    against: [...context.texts('against').map((path) => readFileSync(path, 'utf8')), ...seen],
    ...(witnesses === undefined ? {} : { witnesses }),
  })
  context.print(verdict, () =>
    [
      verdict.sound ? `Sound: ${verdict.records} records, as they were written.` : 'NOT SOUND.',
      ...(verdict.ledger.sound ? [] : [plainText(JSON.stringify(verdict.ledger), 2000)]),
      ...verdict.findings.slice(0, 20).map(({ kind, index, detail }) => `  ${kind} at ${index}: ${plainText(detail)}`),
      witnessLine(verdict, verdict.ledger.size, context),
    ].join('\n'),
  )
  if (!verdict.sound) throw refused('ledger_not_sound', `The ledger is not as it was written: ${firstReason(verdict)}.`)
  mustBeWitnessed(verdict, verdict.ledger.size, witnesses, context)
}

export const auditVerify: Command = {
  name: 'audit verify',
  operands: '[LEDGER|FILE.tlog-proof]',
  summary: 'Is every record, or the one in a proof, still as it was written? Offline; also for a copy',
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
    covers: {
      type: 'string',
      value: 'COUNT|all',
      about: 'with --witnesses: how many records they must have seen (default 1)',
    },
    own: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      about: 'a witness of that policy that the operator of the ledger runs: it does not count',
    },
  },
  run: async (context) => {
    const [what] = context.operands
    if (what === undefined) {
      const own = (folder: string, seen: readonly string[]) => verifyFolder(folder, context, seen)
      return await withLedgerFolder(context.settings, verifierKey(context), own)
    }
    if (statSync(what, { throwIfNoEntry: false })?.isFile() === true) verifyFile(what, context)
    else await verifyFolder(what, context)
  },
}
