/** How much work a question is, for whoever wants to know. */
import type { CedarQuestion } from './entities.ts'
import { ALWAYS, CONJUNCTS, COUNT, type Groups, type Layout, SCOPE } from './layout.ts'
import { YES } from './tests.ts'

const inGroup = (layout: Layout, at: number, end: number, question: CedarQuestion, round: number): number => {
  const { policies, tests } = layout
  let found = 0
  while (at < end) {
    const scope = policies[at + SCOPE] as number
    if (scope === ALWAYS || tests.ask(scope, question, round) === YES) found++
    at += CONJUNCTS + Math.max(0, policies[at + COUNT] as number)
  }
  return found
}

/** Policies whose scope, action included, holds for this question. */
export const countReached = (
  layout: Layout,
  sides: readonly Groups[],
  actions: Uint8Array,
  question: CedarQuestion,
  round: number,
): number => {
  let found = 0
  for (const groups of sides) {
    for (let group = 0; group < groups.length; group += 3) {
      if (actions[groups[group] as number] === 0) continue
      found += inGroup(layout, groups[group + 1] as number, groups[group + 2] as number, question, round)
    }
  }
  return found
}
