import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCredenceError, refused } from '@credence/kit'
import type { PolicySource } from '@credence/policy'
import type { Filled, Result } from '@credence/policy/people'
import type { Command, Context } from '../command.ts'
import { table } from '../table.ts'

const tools = async () => ({ ...(await import('@credence/policy')), ...(await import('@credence/policy/people')) })

export const policyTemplates: Command = {
  name: 'policy templates',
  summary: 'Ready-made policies that `policy new` fills in',
  takes: [0, 0],
  run: async (context) => {
    const { listTemplates } = await tools()
    const templates = listTemplates()
    context.print({ templates }, () =>
      table(
        ['template', 'what', 'takes'],
        templates.map(({ name, title, parameters }) => [
          name,
          title,
          parameters
            .map(({ flag, default: standard }) => (standard === undefined ? `--${flag}` : `[--${flag}]`))
            .join(' '),
        ]),
      ),
    )
  },
}

const VALUES = [
  'agent',
  'server',
  'tool',
  'effect',
  'most',
  'argument',
  'until',
  'from',
  'to',
  'zone',
  'actors',
  'owner',
  'group',
  'id',
] as const

const given = (context: Context): Record<string, readonly string[]> =>
  Object.fromEntries(VALUES.flatMap((flag) => (context.texts(flag).length === 0 ? [] : [[flag, context.texts(flag)]])))

/** A folder with a template in it may be one that has no policies yet. */
const existing = async (dir: string): Promise<PolicySource> => {
  const { loadPolicyFolder } = await tools()
  try {
    return await loadPolicyFolder(dir)
  } catch (error) {
    if (isCredenceError(error) && error.code === 'policy_folder_empty') return { files: [] }
    throw error
  }
}

const joined = (before: PolicySource, { id, cedar, schema }: Filled): PolicySource => ({
  ...before,
  files: [...before.files, { name: `${id}.cedar`, text: cedar }],
  ...(before.schema === undefined && schema !== undefined
    ? { schema: { name: 'schema.cedarschema', text: schema } }
    : {}),
})

/** INVARIANT: nothing is written unless the folder is valid with it, and the policy can read what it is about. */
const mustBeValid = async (source: PolicySource, { argument, schema = '' }: Filled): Promise<void> => {
  const { checkPolicies, compilePolicySet, problemText, readsArgument } = await tools()
  const { ok, problems } = await checkPolicies(source)
  const shown = problems.filter(({ severity }) => severity === 'error').map(problemText)
  if (!ok) throw refused('policy_invalid', `${shown.join('\n')}\nNothing was written.`)
  if (argument === undefined || readsArgument(await compilePolicySet(source), argument)) return
  throw refused(
    'argument_undeclared',
    `schema.cedarschema does not declare the argument ${argument}, so no policy can read it. Declare it there, as in\n  ${schema.trim()}\nNothing was written.`,
  )
}

const mustBeNew = (dir: string, { id }: Filled): void => {
  const taken = [`${id}.cedar`, `${id}.test.json`].find((name) => existsSync(join(dir, name)))
  if (taken === undefined) return
  throw refused('policy_exists', `${join(dir, taken)} is there already. Choose another name with --id.`)
}

const write = (dir: string, filled: Filled, withSchema: boolean): string[] => {
  const { id, cedar, expectations, schema } = filled
  const files: (readonly [string, string])[] = [
    [`${id}.cedar`, cedar],
    [`${id}.test.json`, expectations],
    ...(withSchema && schema !== undefined ? ([['schema.cedarschema', schema]] as const) : []),
  ]
  for (const [name, text] of files) writeFileSync(join(dir, name), text, { flag: 'wx' })
  return files.map(([name]) => join(dir, name))
}

const failing = async (source: PolicySource, { id, expectations }: Filled): Promise<readonly Result[]> => {
  const { compilePolicySet, readExpectations, runExpectation } = await tools()
  const snapshot = await compilePolicySet(source)
  const file = `${id}.test.json`
  const results = await Promise.all(readExpectations(file, expectations).map((one) => runExpectation(snapshot, one)))
  return results.filter(({ passed }) => !passed)
}

export const policyNew: Command = {
  name: 'policy new',
  operands: 'TEMPLATE',
  summary: 'Write a ready-made policy with its expectations into a folder; puts nothing in force',
  help: '`credence policy templates` lists them with the flags that each takes.',
  takes: [1, 1],
  flags: {
    dir: { type: 'string', value: 'DIR', about: 'the folder of policies (default: where you are)' },
    id: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      about: 'name of the file and of its policies (default: of the template)',
    },
    agent: { type: 'string', multiple: true, value: 'agt_...', about: 'which agent; some take several' },
    server: { type: 'string', multiple: true, value: 'RESOURCE', about: 'resource identifier of the server' },
    tool: { type: 'string', multiple: true, value: 'TOOL', about: 'a tool; may be repeated' },
    effect: { type: 'string', multiple: true, value: 'EFFECT', about: 'what a tool does; may be repeated' },
    until: { type: 'string', multiple: true, value: 'TIME', about: 'such as 2026-12-31T18:00:00+0100' },
    from: { type: 'string', multiple: true, value: 'HOUR', about: 'first hour of the day, two digits' },
    to: { type: 'string', multiple: true, value: 'HOUR', about: 'up to this hour, two digits' },
    zone: { type: 'string', multiple: true, value: '+hhmm', about: 'distance of the zone from UTC' },
    most: { type: 'string', multiple: true, value: 'NUMBER', about: 'the largest amount' },
    argument: { type: 'string', multiple: true, value: 'NAME', about: 'the argument that holds the amount' },
    actors: { type: 'string', multiple: true, value: 'NUMBER', about: 'how many actors may stand in the chain' },
    group: { type: 'string', multiple: true, value: 'NAME', about: 'which group of agents' },
    owner: { type: 'string', multiple: true, value: 'own_...', about: 'which team' },
  },
  run: async (context) => {
    const { fillTemplate } = await tools()
    const dir = context.text('dir') ?? '.'
    const filled = fillTemplate(context.operands[0] ?? '', given(context))
    const before = await existing(dir)
    const source = joined(before, filled)
    mustBeNew(dir, filled)
    await mustBeValid(source, filled)
    const failed = await failing(source, filled)
    const files = write(dir, filled, before.schema === undefined)
    context.print({ files, failed }, () =>
      [
        ...files.map((file) => `Wrote ${file}`),
        ...failed.map(({ name, reason }) => `Beside the other policies here "${name}" is not as expected: ${reason}`),
        `Next: credence policy test ${dir}, credence policy what-if ${dir}, then credence policy apply ${dir}.`,
      ].join('\n'),
    )
  },
}
