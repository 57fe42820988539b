/** An explanation for people. */
import { plainText } from '@credence/audit'
import type { Explanation, Missing, PolicyExplained } from '@credence/policy/people'
import { facts } from '../table.ts'

type Found = Missing['found'][number]

const LONG = 400
const plain = (text: string): string => plainText(text, LONG)

/** Values that are sentences already. */
const SAID = /^(?:has |is not there|was not recorded)/

const foundText = (found: readonly Found[]): string =>
  found.map(({ expression, value }) => `${expression} ${SAID.test(value) ? value : `is ${value}`}`).join(', ')

const because = (found: readonly Found[]): string => (found.length === 0 ? '' : `: ${foundText(found)}`)

const missingText = ({ part, truth, text, file, line, column, found }: Missing): string => {
  const place = `${file}:${line}:${column}`
  if (truth === 'unknown') return `${place}: \`${text}\` cannot be told${because(found)}`
  if (part === 'unless') return `${place}: unless \`${text}\`, and that holds${because(found)}`
  return part === 'when'
    ? `${place}: \`${text}\` does not hold${because(found)}`
    : `${place}: \`${text}\` does not fit${because(found)}`
}

const headText = ({ effect, id, file, line, asks }: PolicyExplained): string =>
  `${effect} ${id} (${file}:${line})${asks === true ? ', which asks a person' : ''}`

const withMissing = (policy: PolicyExplained): string[] => [
  `  ${plain(headText(policy))}`,
  ...policy.missing.map((one) => `    ${plain(missingText(one))}`),
]

const failedText = (policy: PolicyExplained): string[] => {
  const { failed } = policy
  if (failed === undefined) return []
  const { file, line, column, text, message, found } = failed
  return [
    `  ${plain(headText(policy))}`,
    `    ${plain(`${file}:${line}:${column}: \`${text}\` failed, so the policy was skipped: ${message}${because(found)}`)}`,
  ]
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', title, ...lines]

const of = (policies: readonly PolicyExplained[], standing: PolicyExplained['standing']): readonly PolicyExplained[] =>
  policies.filter((policy) => policy.standing === standing)

const demandsText = (obligations: Explanation['obligations']): string | undefined =>
  obligations.length === 0 ? undefined : obligations.map(({ id, type }) => plain(`${type} (${id})`)).join(', ')

/** `all`: also policies of which more than one part is missing. */
export const explanationText = (explanation: Explanation, all: boolean, notes: readonly string[] = []): string => {
  const { answer, reason, version, question, grant, policies, near, obligations } = explanation
  const isNear = ({ id }: PolicyExplained): boolean => near.includes(id)
  const others = of(policies, 'does not match').filter((policy) => !isNear(policy))
  const heads = (standing: PolicyExplained['standing']) =>
    of(policies, standing).map((policy) => `  ${plain(headText(policy))}`)
  return [
    facts([
      ['decision', answer],
      ['reason', reason],
      ['question', question],
      ['grant', grant],
      ['demands', demandsText(obligations)],
      ['version', version],
    ]),
    ...notes.map((note) => plain(note)),
    ...section('Matches:', heads('matches')),
    ...section(
      answer === 'deny' ? 'One thing short of a permit:' : 'One thing short of a forbid:',
      policies.filter(isNear).flatMap(withMissing),
    ),
    ...section('Failed:', of(policies, 'failed').flatMap(failedText)),
    ...section('Cannot be told:', of(policies, 'unknown').flatMap(withMissing)),
    ...section('Evaluated by cedar-wasm alone, so not explained:', heads('engine')),
    ...section('Left out, since no permit of a folder counts on the authority:', heads('left out')),
    ...(all
      ? section('Does not match:', others.flatMap(withMissing))
      : others.length === 0
        ? []
        : ['', `${others.length} more do not match (--all shows why).`]),
  ].join('\n')
}
