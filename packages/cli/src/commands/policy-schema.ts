import { refused } from '@credence/kit'
import type { ToolDefinition } from '@credence/policy/people'
import type { Command } from '../command.ts'
import { table } from '../table.ts'

export const policySchema: Command = {
  name: 'policy schema',
  operands: 'SERVER',
  summary: 'Types for the arguments of its tools, to put in schema.cedarschema',
  help: 'Redirect it: credence policy schema files > DIR/schema.cedarschema. What has no type is listed on standard error.',
  takes: [1, 1],
  run: async (context) => {
    const [name = ''] = context.operands
    const { argumentTypes } = await import('@credence/policy/people')
    const { tools } = await context
      .api()
      .get<{ tools: readonly ToolDefinition[] }>(`/v1/servers/${encodeURIComponent(name)}/arguments`)
    if (tools.length === 0) {
      throw refused(
        'tools_unknown',
        `The tools of ${name} are not known yet: nobody has listed them since it was added.`,
      )
    }
    const types = argumentTypes(tools)
    const { schema, typed, untyped } = types
    // Nothing in it moves a cursor: names that hold such a thing have no type.
    context.print(types, () => schema.trimEnd())
    if (context.json) return
    context.tell(`${typed.length} arguments of ${tools.length} tools have a type.`)
    if (untyped.length > 0) {
      context.tell(
        `No policy can read these:\n${table(
          ['tool', 'argument', 'why'],
          untyped.map(({ tool, argument, why }) => [tool, argument, why]),
        )}`,
      )
    }
  },
}
