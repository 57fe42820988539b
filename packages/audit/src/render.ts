/** A trace as plain text for a terminal. Everything in it may have been written by a stranger. */
import type { IntentRecord, Party } from '@credence/model'
import type { TraceBranch, TraceCall, TraceStep, TraceTree } from './trace.ts'

const DANGEROUS = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu

/**
 * INVARIANT: no control character, escape sequence, line break, bidirectional or invisible mark of a record reaches the
 * terminal; each is shown as its code point.
 */
export const plainText = (text: string, max = 120): string => {
  const shown = text
    .replaceAll('\\', '\\\\')
    .replace(DANGEROUS, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`)
  return shown.length <= max ? shown : `${shown.slice(0, max - 1)}…`
}

const clockTime = (at: number): string => new Date(at).toISOString().slice(11, 23)
const party = ({ iss, sub }: Party): string => `${plainText(sub)} (${plainText(iss)})`
const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`

export const renderTrace = (tree: TraceTree): string => {
  if (tree.branches.length === 0) return `Nothing is recorded under ${plainText(tree.id)}.\n`
  const lines = [headline(tree)]
  for (const txn of tree.txns) lines.push(`  transaction ${plainText(txn)}`)
  for (const [i, branch] of tree.branches.entries()) lines.push(...branchLines(branch, i === tree.branches.length - 1))
  for (const alert of tree.alerts) lines.push(`! ${plainText(alert)}`)
  return `${lines.join('\n')}\n`
}

const headline = (tree: TraceTree): string => {
  const seconds = ((tree.endedAt ?? 0) - (tree.startedAt ?? 0)) / 1_000
  const counts = [
    plural(tree.calls, 'call'),
    plural(tree.refusals, 'refusal'),
    plural(tree.reductions, 'revocation'),
    `${seconds.toFixed(3)} s`,
  ]
  return `Task ${plainText(tree.id)}  ${new Date(tree.startedAt ?? 0).toISOString()}  ${counts.join(', ')}`
}

/** The subject, each actor one step further in, then what the last of them did. */
const branchLines = (branch: TraceBranch, last: boolean): string[] => {
  const lines: string[] = []
  const chain = [branch.subject === undefined ? unknownCaller(branch) : `for ${party(branch.subject)}`]
  chain.push(...branch.actors.map(actorText))
  let indent = ''
  let end = last
  for (const text of chain) {
    lines.push(`${indent}${end ? '└─' : '├─'} ${text}`)
    indent += end ? '   ' : '│  '
    end = true
  }
  const cells = branch.steps.map(stepCells)
  const width = [0, 1].map((column) => Math.max(...cells.map((row) => [...(row[column] ?? '')].length)))
  for (const [i, [what, where, rest]] of cells.entries()) {
    const mark = i === cells.length - 1 ? '└─' : '├─'
    lines.push(`${indent}${mark} ${pad(what, width[0])}  ${pad(where, width[1])}  ${rest}`)
  }
  return lines
}

const pad = (text: string, width = 0): string => text + ' '.repeat(Math.max(0, width - [...text].length))

const unknownCaller = ({ client }: TraceBranch): string =>
  client === undefined ? 'nobody in particular' : `client ${plainText(client)}`

const actorText = (actor: IntentRecord['actors'][number]): string => {
  const owner = actor.owner === undefined ? '' : `  owner ${plainText(actor.owner)}`
  return `by ${plainText(actor.agent ?? actor.sub)}  ${plainText(actor.sub)}${owner}`
}

type Cells = readonly [what: string, where: string, rest: string]

const stepCells = (step: TraceStep): Cells => {
  const time = clockTime(step.at)
  if (step.type === 'call') return callCells(time, step)
  if (step.type === 'reduction') {
    const { keys, by, reason, feed } = step.reduction
    return [
      `${time}  REVOKED`,
      keys.map((key) => plainText(key)).join(' '),
      `by ${party(by)}: ${plainText(reason)}  feed ${feed}  #${step.index}`,
    ]
  }
  const { method = '', name = '', resource, code, reason, decision } = step.refusal
  const policy = decision === undefined ? '' : `  ${policyText(decision)}`
  return [
    `${time}  ${plainText(`${method} ${name}`.trim())}`,
    plainText(resource),
    `REFUSED ${plainText(code)}: ${plainText(reason)}${policy}  #${step.index}`,
  ]
}

const callCells = (time: string, { intent, index, outcome, outcomeIndex }: TraceCall): Cells => {
  const result =
    outcome === undefined
      ? 'NO OUTCOME'
      : `${outcome.status}${outcome.code === undefined ? '' : ` ${plainText(outcome.code)}`} in ${Math.round(outcome.ms)} ms`
  const place = outcomeIndex === undefined ? `#${index}` : `#${index} #${outcomeIndex}`
  return [
    `${time}  ${plainText(`${intent.method} ${intent.name}`.trim())}`,
    plainText(intent.resource),
    `granted  ${policyText(intent.decision)}  ${result}  ${place}`,
  ]
}

/** What the policies answered where they were not enforced. */
const OBSERVED = { granted: 'obligations', refused: 'refused', pending: 'a person to be asked' } as const

const policyText = ({ policies, version, observed, untrusted }: IntentRecord['decision']): string => {
  const names = policies.length === 0 ? 'none' : policies.map((id) => plainText(id)).join(',')
  const policy = `policy ${names} version ${plainText(version.slice(0, 12))}${untrusted === true ? ' untrusted' : ''}`
  return observed === undefined ? policy : `OBSERVED, not enforced: ${OBSERVED[observed]} by ${policy}`
}
