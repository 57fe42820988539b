import { refused } from '@credence/kit'
import type { PolicyProblem, PolicySource } from '@credence/policy'
import type { Command } from '../command.ts'
import { facts, table, when } from '../table.ts'
import { untilStopped } from '../until-stopped.ts'

/** Checking takes a WebAssembly engine; who does not check does not load it. */
const engine = () => import('@credence/policy')

/** `file:line:column: message (hint)`. */
const problemText = ({ file, line, column, message, hint }: PolicyProblem): string =>
  `${file}:${line}:${column}: ${message}${hint === undefined ? '' : ` (${hint})`}`

interface Version {
  readonly number: number
  readonly version: string
  readonly author: string
  readonly difference: readonly string[]
  readonly created: number
}

const problems = (found: readonly PolicyProblem[]): string => found.map(problemText).join('\n')

/** INVARIANT: only a set that is valid as a whole leaves this function. */
const validSource = async (dir: string): Promise<{ source: PolicySource; warnings: readonly PolicyProblem[] }> => {
  const { checkPolicies, loadPolicyFolder } = await engine()
  const source = await loadPolicyFolder(dir)
  const checked = await checkPolicies(source)
  if (!checked.ok) throw refused('policy_invalid', `${problems(checked.problems)}\nNothing was changed.`)
  return { source, warnings: checked.problems }
}

export const policyCheck: Command = {
  name: 'policy check',
  operands: 'DIR',
  summary: 'Is this folder of Cedar policies valid?',
  takes: [1, 1],
  run: async (context) => {
    const { source, warnings } = await validSource(context.operands[0] ?? '')
    context.print({ ok: true, files: source.files.map(({ name }) => name), warnings }, () =>
      [...warnings.map(problemText), `${source.files.length} files are valid.`].join('\n'),
    )
  },
}

export const policyApply: Command = {
  name: 'policy apply',
  operands: 'DIR',
  summary: 'Put a folder of policies in force, as one version with its difference on record',
  takes: [1, 1],
  flags: { expected: { type: 'string', value: 'NUMBER', about: 'refuse unless this is the version in force' } },
  run: async (context) => {
    const { source, warnings } = await validSource(context.operands[0] ?? '')
    const expected = context.text('expected')
    const version = await context.api().send<Version>('PUT', '/v1/policies', {
      files: source.files,
      ...(source.schema === undefined ? {} : { schema: source.schema }),
      ...(source.links === undefined ? {} : { links: source.links }),
      ...(expected === undefined ? {} : { expected: Number(expected) }),
    })
    context.print(version, () =>
      [
        ...warnings.map(problemText),
        `Version ${version.number} (${version.version}) is in force.`,
        ...version.difference.map((line) => `  ${line}`),
      ].join('\n'),
    )
  },
}

export const policyShow: Command = {
  name: 'policy show',
  summary: 'The policies in force, and the versions before',
  takes: [0, 0],
  flags: { versions: { type: 'boolean', about: 'list the versions instead' } },
  run: async (context) => {
    if (context.on('versions')) {
      const answer = await context.api().get<{ versions: readonly Version[] }>('/v1/policies/versions')
      return context.print(answer, () =>
        table(
          ['number', 'since', 'author', 'difference'],
          answer.versions.map(({ number, created, author, difference }) => [
            number,
            when(created),
            author,
            difference.join(' '),
          ]),
        ),
      )
    }
    const current = await context.api().get<Version & { source: PolicySource }>('/v1/policies')
    context.print(current, () =>
      [
        facts([
          ['number', current.number],
          ['version', current.version],
          ['author', current.author],
          ['since', when(current.created)],
        ]),
        ...current.source.files.map(({ name, text }) => `\n// ${name}\n${text.trimEnd()}`),
      ].join('\n'),
    )
  },
}

export const policyWatch: Command = {
  name: 'policy watch',
  operands: 'DIR',
  summary: 'Say after every change what the folder would mean; puts nothing in force',
  takes: [1, 1],
  run: async (context) => {
    const { diffPolicySets, loadPolicyFolder, watchPolicyFolder } = await engine()
    const current = await context.api().get<{ source: PolicySource }>('/v1/policies')
    const dir = context.operands[0] ?? ''
    const watching = watchPolicyFolder(dir, async (report) => {
      const difference = report.ok ? diffPolicySets(current.source, await loadPolicyFolder(dir)).sentences : []
      context.print(
        { ok: report.ok, message: report.message, difference, problems: report.ok ? [] : report.problems },
        () =>
          [
            report.message,
            ...(report.ok ? difference : report.problems.map(problemText)).map((line) => `  ${line}`),
          ].join('\n'),
      )
    })
    await untilStopped()
    watching.close()
  },
}
