/** CEL, parsed beforehand, behind an index by principal and resource such as one would write oneself. */
import { Environment } from '@marcbachmann/cel-js'
import type { Rule } from '../servers/policy-world.ts'
import { conditionIn, limitIn, type Words } from './conditions.ts'
import { type Ask, type Facts, factsOf, nameIn, type PeerWorld } from './peer.ts'

const WORDS: Words = {
  root: '',
  contains: (list, item) => `${item} in ${list}`,
  starts: (text, beginning) => `${text}.startsWith(${beginning})`,
  within: (text, part) => `${text}.contains(${part})`,
}

type Holds = (facts: Facts) => boolean

interface Bucket {
  readonly permits: Holds[]
  readonly forbids: Holds[]
}

const EVERYBODY = ''

/** The narrower of the two names; every rule of the world has at most one. */
const keyOf = ({ principal, resource }: Rule): string => nameIn(principal) ?? nameIn(resource) ?? EVERYBODY

export const indexedCel = ({ rules, store, requests }: PeerWorld): Ask => {
  const environment = new Environment()
  for (const name of ['principal', 'resource', 'context']) environment.registerVariable(name, 'dyn')
  const compile = (text: string): Holds => {
    const run = environment.parse(text)
    return (facts) => run(facts as unknown as Record<string, unknown>) === true
  }
  const buckets = new Map<string, Bucket>([[EVERYBODY, { permits: [], forbids: [compile(limitIn(WORDS))] }]])
  for (const rule of rules) {
    const key = keyOf(rule)
    const bucket = buckets.get(key) ?? { permits: [], forbids: [] }
    buckets.set(key, bucket)
    ;(rule.forbid ? bucket.forbids : bucket.permits).push(compile(conditionIn(WORDS, rule)))
  }
  return (index) => {
    const facts = factsOf(store, requests[index % requests.length] as PeerWorld['requests'][number])
    const { principal, resource } = facts
    const reached = [principal.id, principal.team, resource.id, resource.server, EVERYBODY].flatMap(
      (key) => buckets.get(key) ?? [],
    )
    if (reached.some(({ forbids }) => forbids.some((holds) => holds(facts)))) return false
    return reached.some(({ permits }) => permits.some((holds) => holds(facts)))
  }
}
