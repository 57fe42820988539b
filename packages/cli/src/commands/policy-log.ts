import { existsSync } from 'node:fs'
import { plainText } from '@credence/audit'
import type { PolicySource } from '@credence/policy'
import type { Change } from '@credence/policy/people'
import type { Api } from '../api.ts'
import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import { when } from '../table.ts'

interface Version {
  readonly number: number
  readonly version: string
  readonly author: string
  readonly created: number
}

const LONG = 1000
const NUMBER = /^[1-9]\d{0,14}$/

const people = () => import('@credence/policy/people')

const read = async (api: Api, number: number): Promise<PolicySource> =>
  (await api.get<{ source: PolicySource }>(`/v1/policies/versions/${number}`)).source

const ALLOWS = { more: '+', less: '-', other: ' ' } as const

const lines = (changes: readonly Change[]): string[] =>
  changes.length === 0
    ? ['  Nothing changes.']
    : changes.map(({ allows, sentence }) => `  ${ALLOWS[allows]} ${plainText(sentence, LONG)}`)

const LEGEND = '+ allows more, - allows less; without a mark it depends'

const countOf = (context: Context): number => {
  const count = Number(context.text('n') ?? 10)
  if (!Number.isInteger(count) || count < 1 || count > 200) throw usage('--n takes a number from 1 to 200.')
  return count
}

const authorsOf = async (api: Api): Promise<(id: string) => string> => {
  const { agents } = await api.get<{ agents: readonly { readonly id: string; readonly name: string }[] }>('/v1/agents')
  const names = new Map(agents.map(({ id, name }) => [id, name]))
  return (id) => (names.has(id) ? `${names.get(id)} (${id})` : id)
}

export const policyLog: Command = {
  name: 'policy log',
  summary: 'Versions of the policies, newest first: who changed what, and when',
  takes: [0, 0],
  flags: { n: { type: 'string', value: 'COUNT', about: 'how many (default 10)' } },
  run: async (context) => {
    const count = countOf(context)
    const api = context.api()
    const { differenceInWords } = await people()
    const { versions } = await api.get<{ versions: readonly Version[] }>('/v1/policies/versions')
    const nameOf = await authorsOf(api)
    const entries = await Promise.all(
      versions.slice(0, count).map(async ({ number, version, author, created }) => {
        const before = number === 1 ? undefined : await read(api, number - 1)
        return { number, version, author, created, changes: await differenceInWords(before, await read(api, number)) }
      }),
    )
    context.print({ versions: entries }, () =>
      [
        ...entries.flatMap(({ number, version, author, created, changes }) => [
          `${number}  ${when(created)}  ${plainText(nameOf(author))}  ${version}`,
          ...lines(changes),
          '',
        ]),
        LEGEND,
      ].join('\n'),
    )
  },
}

/** A folder, or the number of a version. */
const sideOf = async (context: Context, text: string): Promise<PolicySource> => {
  if (!existsSync(text) && NUMBER.test(text)) return read(context.api(), Number(text))
  const { loadPolicyFolder } = await import('@credence/policy')
  return loadPolicyFolder(text)
}

export const policyDiff: Command = {
  name: 'policy diff',
  operands: 'A [B]',
  summary: 'What changes from A to B, in words; each is a folder or the number of a version',
  help: 'With one operand: from the policies in force to it.',
  takes: [1, 2],
  run: async (context) => {
    const [first = '', second] = context.operands
    const { compilePolicySet } = await import('@credence/policy')
    const { differenceInWords } = await people()
    const before =
      second === undefined
        ? (await context.api().get<{ source: PolicySource }>('/v1/policies')).source
        : await sideOf(context, first)
    const after = await sideOf(context, second ?? first)
    // What cannot be read as policies cannot be put in words.
    for (const source of [before, after]) await compilePolicySet(source)
    const changes = await differenceInWords(before, after)
    context.print({ changes }, () => [...lines(changes), '', LEGEND].join('\n'))
  },
}
