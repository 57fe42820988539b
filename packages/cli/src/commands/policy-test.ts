import { plainText } from '@credence/audit'
import { refused } from '@credence/kit'
import type { Command } from '../command.ts'
import { table } from '../table.ts'

const LONG = 1000

export const policyTest: Command = {
  name: 'policy test',
  operands: 'DIR|FILE',
  summary: 'Do the policies decide what their expectation files (*.test.json) say?',
  help: 'Nothing needs to run for it. docs/policy-tools.md has the format of the files.',
  takes: [1, 1],
  run: async (context) => {
    const { compilePolicySet } = await import('@credence/policy')
    const { loadExpectations, runExpectation } = await import('@credence/policy/people')
    const { source, expectations } = await loadExpectations(context.operands[0] ?? '')
    const snapshot = await compilePolicySet(source)
    const results = await Promise.all(expectations.map((one) => runExpectation(snapshot, one)))
    const failed = results.filter(({ passed }) => !passed)
    context.print({ ok: failed.length === 0, passed: results.length - failed.length, results }, () =>
      [
        table(
          ['result', 'expected', 'decided', 'test', 'why'],
          results.map(({ passed, expected, decided, name, reason }) => [
            passed ? 'pass' : 'FAIL',
            expected,
            decided,
            name,
            reason,
          ]),
        ),
        '',
        ...failed.map(({ file, line, column, name, reason }) =>
          plainText(`${file}:${line}:${column}: ${name}: ${reason}`, LONG),
        ),
        `${results.length - failed.length} of ${results.length} are as expected.`,
      ].join('\n'),
    )
    if (failed.length > 0) {
      const [first] = failed
      throw refused(
        'policy_test_failed',
        `${failed.length} of ${results.length} are not as expected; the first is at ${first?.file}:${first?.line}:${first?.column}. Change the policy or the expectation; \`credence policy explain --policies DIR --facts ${first?.file} --test NAME\` says why.`,
      )
    }
  },
}
