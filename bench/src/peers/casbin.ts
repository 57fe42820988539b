/** casbin with conditions as text in its policies (`eval`), as its documentation does attributes. */
import { newEnforcer, newModelFromString } from 'casbin'
import type { Rule } from '../servers/policy-world.ts'
import { conditionIn, limitIn, type Words } from './conditions.ts'
import { type Ask, factsOf, nameIn, type PeerWorld } from './peer.ts'

const MODEL = `
[request_definition]
r = who, team, what, server, at
[policy_definition]
p = who, what, rule, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.who == "*" || p.who == r.who || p.who == r.team) && (p.what == "*" || p.what == r.what || p.what == r.server) && eval(p.rule)
`

const WORDS: Words = {
  root: 'r.at.',
  contains: (list, item) => `${list}.includes(${item})`,
  starts: (text, beginning) => `${text}.startsWith(${beginning})`,
  within: (text, part) => `${text}.includes(${part})`,
}

const lineOf = (rule: Rule): string[] => [
  nameIn(rule.principal) ?? '*',
  nameIn(rule.resource) ?? '*',
  conditionIn(WORDS, rule),
  rule.forbid ? 'deny' : 'allow',
]

export const casbin = async ({ rules, store, requests }: PeerWorld): Promise<Ask> => {
  const enforcer = await newEnforcer(newModelFromString(MODEL))
  await enforcer.addPolicies([['*', '*', limitIn(WORDS), 'deny'], ...rules.map(lineOf)])
  return (index) => {
    const facts = factsOf(store, requests[index % requests.length] as PeerWorld['requests'][number])
    const { principal, resource } = facts
    return enforcer.enforceSync(principal.id, principal.team, resource.id, resource.server, facts)
  }
}
