/** A source to an immutable snapshot: compiled when the compiler takes every policy, otherwise run by cedar-wasm. */
import { refused } from '@credence/kit'
import { builtInSchema, systemPolicies } from './builtin.ts'
import { decidingLane } from './cedar/lane.ts'
import { requestJson } from './cedar/question.ts'
import { checkResult } from './check.ts'
import { NotCompiled } from './compile/errors.ts'
import { type CompiledPolicy, compilePolicy, linkProgram } from './compile/program.ts'
import { schemaActions } from './facts/actions.ts'
import { argumentReader } from './facts/arguments.ts'
import { declaredTypes } from './facts/declared.ts'
import { problemText } from './problem.ts'
import { type ReadPolicy, readPolicySet } from './read.ts'
import type { PolicyInfo, PolicySnapshot, PolicyView } from './snapshot.ts'
import { hashPolicySource, type PolicySource } from './source.ts'

type Engine = Pick<PolicySnapshot, 'engine' | 'engineReason' | 'evaluate'>

/** INVARIANT: no permit of a user is in the view `authority`. */
const inView = (policy: PolicyInfo, view: PolicyView): boolean =>
  view === 'everything' || policy.origin === 'system' || policy.effect === 'forbid'

const compileOne = (policy: ReadPolicy): CompiledPolicy => {
  if (policy.bigInteger) throw new NotCompiled('an integer beyond 2^53')
  return compilePolicy(policy.id, policy.effect, policy.json)
}

const compiledEngine = (policies: readonly ReadPolicy[]): Engine => {
  const compiled = policies.map((policy) => ({ policy, compiled: compileOne(policy) }))
  const programOf = (view: PolicyView) =>
    linkProgram(compiled.filter(({ policy }) => inView(policy, view)).map((one) => one.compiled))
  const programs = { everything: programOf('everything'), authority: programOf('authority') }
  return { engine: 'compiled', evaluate: (question, view) => programs[view](question) }
}

const wasmEngine = (policies: readonly ReadPolicy[], version: string, engineReason: string): Engine => {
  const setOf = (view: PolicyView) => ({
    key: `${version} ${view}`,
    policies: Object.fromEntries(policies.filter((policy) => inView(policy, view)).map(({ id, text }) => [id, text])),
  })
  const sets = { everything: setOf('everything'), authority: setOf('authority') }
  return {
    engine: 'cedar-wasm',
    engineReason,
    evaluate: (question, view) => decidingLane.authorize(sets[view], requestJson(question)),
  }
}

const chooseEngine = (policies: readonly ReadPolicy[], version: string): Engine => {
  let current = ''
  try {
    for (const policy of policies) {
      current = policy.id
      compileOne(policy)
    }
    return compiledEngine(policies)
  } catch (error) {
    if (!(error instanceof NotCompiled)) throw error
    return wasmEngine(policies, version, `policy "${current}" uses ${error.message}`)
  }
}

const SHOWN = 3

/** Throws `refused` with code `policy_invalid` and the first problems in its message when `checkPolicies` would report an error. */
export const compilePolicySet = async (source: PolicySource): Promise<PolicySnapshot> => {
  const read = await readPolicySet(source)
  const errors = checkResult(read).problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) {
    const more = errors.length > SHOWN ? ` (and ${errors.length - SHOWN} more)` : ''
    const shown = errors.slice(0, SHOWN).map(problemText).join('; ')
    throw refused('policy_invalid', `The policies are not valid: ${shown}${more}`, { status: 422 })
  }
  const version = hashPolicySource(JSON.stringify([builtInSchema, systemPolicies]), source)
  const policies = read.policies.map(({ id, origin, effect, file, line, text }) =>
    Object.freeze({ id, origin, effect, file, line, text }),
  )
  return Object.freeze({
    version,
    source,
    policies: Object.freeze(policies),
    actions: schemaActions(read.schema),
    readArguments: argumentReader(read.schema),
    declared: declaredTypes(read.schema),
    ...chooseEngine(read.policies, version),
  })
}
