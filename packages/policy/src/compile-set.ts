/** A source to an immutable snapshot. */
import { setImmediate } from 'node:timers/promises'
import { refused } from '@credence/kit'
import { builtInSchema, systemPolicies } from './builtin.ts'
import { checkResult } from './check.ts'
import { demandsOf } from './demands/annotations.ts'
import { createEngine } from './engine.ts'
import { schemaActions } from './facts/actions.ts'
import { argumentReader } from './facts/arguments.ts'
import { contextsFor } from './facts/context.ts'
import { declaredTypes } from './facts/declared.ts'
import { allReads } from './facts/reads.ts'
import { problemText } from './problem.ts'
import { readPolicySet } from './read.ts'
import type { PolicySnapshot } from './snapshot.ts'
import { hashPolicySource, type PolicySource } from './source.ts'

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
  const version = hashPolicySource(
    source.alone === true ? 'alone' : JSON.stringify([builtInSchema, systemPolicies]),
    source,
  )
  // Hashing and what follows are some milliseconds each for thousands of policies: others have their turn between them.
  await setImmediate()
  const policies = read.policies.map(({ head: _head, body: _body, reads: _reads, demands: _demands, ...info }) =>
    Object.freeze(info),
  )
  const engine = await createEngine(read.policies, version)
  return Object.freeze({
    version,
    source,
    policies: Object.freeze(policies),
    actions: schemaActions(read.schema),
    readArguments: argumentReader(read.schema),
    demands: new Map(
      read.policies.flatMap(({ id, demands }) =>
        demands === undefined ? [] : [[id, demandsOf(id, demands)] as const],
      ),
    ),
    contexts: contextsFor(allReads(read.policies.map(({ reads }) => reads))),
    declared: declaredTypes(read.schema),
    ...engine,
  })
}
