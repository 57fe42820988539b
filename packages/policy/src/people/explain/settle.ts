/** What follows from how each policy stands, as far as that is known. Default deny, forbid wins. */
import type { PolicyInfo } from '../../snapshot.ts'
import type { Standing } from './explain.ts'

/** `unknown`: it may match or not. */
export type Matches = 'yes' | 'no' | 'unknown'

export const MATCHES: Readonly<Record<Standing, Matches>> = {
  matches: 'yes',
  'does not match': 'no',
  failed: 'no',
  'left out': 'no',
  unknown: 'unknown',
  engine: 'unknown',
}

/** `ask`: allowed once a person has approved it. */
export type Answer = 'allow' | 'deny' | 'ask'

export interface Settled {
  /** Undefined while a policy of which nothing is known could turn it. */
  readonly answer: Answer | undefined
  /** The policies that decide. */
  readonly by: readonly string[]
  /** The policies that could turn it. */
  readonly open: readonly string[]
}

export const settle = (
  policies: readonly Pick<PolicyInfo, 'id' | 'effect' | 'asks'>[],
  standings: ReadonlyMap<string, Matches>,
): Settled => {
  const of = (wanted: string, matches: Matches): string[] =>
    policies.flatMap(({ id, effect }) =>
      effect === wanted && (standings.get(id) ?? 'unknown') === matches ? [id] : [],
    )
  const forbids = of('forbid', 'yes')
  if (forbids.length > 0) return { answer: 'deny', by: forbids, open: [] }
  const permits = of('permit', 'yes')
  const mayForbid = of('forbid', 'unknown')
  const mayPermit = of('permit', 'unknown')
  if (permits.length === 0 && mayPermit.length === 0) return { answer: 'deny', by: [], open: [] }
  if (mayForbid.length > 0) return { answer: undefined, by: [], open: mayForbid }
  if (permits.length === 0) return { answer: undefined, by: [], open: mayPermit }
  // One permit that asks is enough to ask.
  const asking = new Set(policies.flatMap(({ id, asks }) => (asks === true ? [id] : [])))
  if (permits.some((id) => asking.has(id))) return { answer: 'ask', by: permits, open: [] }
  const mayAsk = mayPermit.filter((id) => asking.has(id))
  return mayAsk.length > 0 ? { answer: undefined, by: [], open: mayAsk } : { answer: 'allow', by: permits, open: [] }
}
