import type { CheckResult, PolicyProblem } from './problem.ts'
import { type ReadSet, readPolicySet } from './read.ts'
import type { PolicySource } from './source.ts'

const byPlace = (a: PolicyProblem, b: PolicyProblem): number =>
  a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1

export const checkResult = ({ problems, policies }: ReadSet): CheckResult => ({
  ok: !problems.some(({ severity }) => severity === 'error'),
  problems: [...problems].sort(byPlace),
  policies: policies.filter(({ origin }) => origin === 'user').map(({ id }) => id),
})

/** Parse and validate (strict, against the schema). Never throws for what is wrong with the text. */
export const checkPolicies = async (source: PolicySource): Promise<CheckResult> =>
  checkResult(await readPolicySet(source))
