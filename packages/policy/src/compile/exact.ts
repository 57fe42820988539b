/** Policy by policy, in each policy's own order: what says exactly which ones fail, and of which question. */
import type { CedarQuestion } from './entities.ts'
import { ALWAYS, CONJUNCTS, COUNT, ENGINE, type Groups, type Layout, NAME, SCOPE } from './layout.ts'
import type { Run } from './run.ts'
import { BITS, FAILED, WIDTH, YES } from './tests.ts'

const report = (run: Run, { tests, ids }: Layout, name: number, test: number): void => {
  const { kind, message } = tests.failure(test)
  run.failed({ policy: ids[name >> 1] as string, kind, message })
}

/** From `at` to `end` the policies of one group. What was asked before in this round is read where it is kept. */
const runGroup = (run: Run, layout: Layout, at: number, end: number, question: CedarQuestion, round: number): void => {
  const { policies, tests } = layout
  const { records } = tests
  const yes = (round << BITS) | YES
  while (at < end) {
    const scope = policies[at + SCOPE] as number
    const name = policies[at + NAME] as number
    const count = policies[at + COUNT] as number
    let conjunct = at + CONJUNCTS
    const next = conjunct + (count > 0 ? count : 0)
    at = next
    if (scope !== ALWAYS && records[scope * WIDTH] !== yes && tests.ask(scope, question, round) !== YES) continue
    if (count === ENGINE) {
      run.engine = true
      continue
    }
    // The first conjunct that is false or fails ends it.
    while (conjunct < next) {
      const test = policies[conjunct] as number
      if (records[test * WIDTH] !== yes) {
        const answer = tests.ask(test, question, round)
        if (answer === FAILED) report(run, layout, name, test)
        if (answer !== YES) break
      }
      conjunct++
    }
    if (conjunct === next) run.holds(name)
  }
}

export const runGroups = (
  run: Run,
  layout: Layout,
  groups: Groups,
  actions: Uint8Array,
  question: CedarQuestion,
  round: number,
): void => {
  for (let group = 0; group < groups.length; group += 3) {
    if (actions[groups[group] as number] === 0) continue
    runGroup(run, layout, groups[group + 1] as number, groups[group + 2] as number, question, round)
  }
}
