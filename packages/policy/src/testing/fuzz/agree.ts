/** One case through both engines. */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { CedarRequest } from '../../cedar/messages.ts'
import { requestJson } from '../../cedar/question.ts'
import { parseText, readTexts } from '../../cedar/read-text.ts'
import { CedarQuestion, linkEntities } from '../../compile/entities.ts'
import { compileBody } from '../../compile/policy.ts'
import { atOnce } from '../../compile/portions.ts'
import type { Verdict } from '../../compile/program.ts'
import { type Authorize, compileAll, evaluator } from '../../engine.ts'
import { schemaActions } from '../../facts/actions.ts'
import { contextReads } from '../../facts/reads.ts'
import { namedSet, slotValues } from '../../named-set.ts'
import type { ReadPolicy } from '../../read.ts'
import { actionEntities, type FuzzCase } from './cases.ts'
import type { Coverage } from './coverage.ts'
import { askOracle, useSchema } from './oracle.ts'

const said = ({ allow, reasons, errors }: Verdict) => ({
  allow,
  reasons: [...reasons].sort(),
  errors: errors.map(({ policy, kind }) => `${policy} ${kind}`).sort(),
})

interface Read {
  readonly policies: readonly ReadPolicy[]
  /** Ids of those that the strict validator accepts; empty without a schema. */
  readonly valid: ReadonlySet<string>
  readonly schema: unknown
}

const policyOf = ({ id, text, slots }: FuzzCase['policies'][number], json: string | undefined): ReadPolicy => {
  assert.ok(json !== undefined, `the generator wrote what does not parse: ${text}`)
  const head = JSON.parse(json)
  const link = slots === undefined ? {} : { template: `template ${id}`, slots }
  const rest = { reads: contextReads(head), ...link }
  return { id, origin: 'user', effect: head.effect, file: '', line: 1, text, head, body: compileBody(head), ...rest }
}

const readTyped = ({ universe, policies }: FuzzCase): Read => {
  const texts = policies.map(({ text }) => text)
  const links = policies.flatMap(({ slots }, template) =>
    slots === undefined ? [] : [{ template, values: slotValues(slots) }],
  )
  const linked = policies.filter(({ slots }) => slots !== undefined)
  const answer = readTexts({ kind: 'read', schema: useSchema(universe.schema), policies: texts, links })
  assert.deepEqual(answer.schemaProblems, [])
  const valid = new Set(policies.filter((_, index) => answer.policies[index]?.errors.length === 0).map(({ id }) => id))
  for (const [index, { id }] of linked.entries()) if (answer.links?.[index]?.errors.length !== 0) valid.delete(id)
  return {
    policies: policies.map((policy, index) => policyOf(policy, answer.policies[index]?.json)),
    valid,
    schema: JSON.parse(answer.schema ?? 'null'),
  }
}

const readUntyped = ({ policies }: FuzzCase): Read => ({
  policies: policies.map((policy) => policyOf(policy, parseText(policy.text).json)),
  valid: new Set(),
  schema: undefined,
})

/** INVARIANT of Cedar: a validated policy fails by overflow, by a missing entity or in an extension, and in no other way. */
const VALIDATED_MAY = new Set(['overflow', 'entity', 'extension', 'unknown'])

const checkValidated = (verdict: Verdict, valid: ReadonlySet<string>): void => {
  for (const { policy, kind } of verdict.errors) {
    assert.ok(!valid.has(policy) || VALIDATED_MAY.has(kind), `validated policy ${policy} failed: ${kind}`)
  }
}

const describe = (fuzz: FuzzCase, request: unknown): string =>
  [
    JSON.stringify(fuzz.universe.schema),
    ...fuzz.policies.map(({ id, text, slots }) => `${id} ${JSON.stringify(slots ?? {})}: ${text}`),
    JSON.stringify(request),
  ].join('\n')

/**
 * A forbid that is left over by `unknown` takes the reasons from cedar-wasm's permission, though not the permission:
 * it is partial evaluation showing through. Without that forbid the engine names them.
 */
const withReasons = (all: readonly ReadPolicy[], asked: CedarRequest, typed: boolean, answer: Verdict): Verdict => {
  const left = new Set(answer.errors.filter(({ kind }) => kind === 'unknown').map(({ policy }) => policy))
  const others = all.filter(({ id, effect }) => effect === 'permit' || !left.has(id))
  if (others.length === all.length) return answer
  const { allow, reasons } = askOracle(namedSet(`set ${sets++}`, others), asked, typed)
  assert.equal(allow, answer.allow)
  return { ...answer, reasons }
}

let sets = 0

/** How often an entity is met before policies are planned for it. */
const AT_ONCE = 1
const NEVER = Number.POSITIVE_INFINITY

/** Throws when the engines differ on decision, determining policies, failing policies or kind of failure. */
export const agree = async (fuzz: FuzzCase, coverage: Coverage): Promise<void> => {
  const { policies, valid, schema } = fuzz.strict ? readTyped(fuzz) : readUntyped(fuzz)
  for (const { head } of policies) coverage.policy(JSON.stringify(head))
  if (fuzz.strict) coverage.count('typed set')
  coverage.count('validated policy', valid.size)
  const actions = fuzz.strict ? [...schemaActions(schema).values()] : actionEntities(fuzz.universe)
  const entities = linkEntities([...fuzz.entities, ...actions])
  const given = {
    values: () => [...linkEntities(fuzz.strict ? fuzz.entities : [...fuzz.entities, ...actions]).values()],
  }
  const all = namedSet(`set ${sets++}`, policies)
  const ask: Authorize = async (set, request) => {
    coverage.count('engine asked')
    return askOracle(set, request, fuzz.strict)
  }
  const compiled = atOnce(compileAll(policies))
  const engine = (often: number) => atOnce(evaluator(compiled, 'everything', `${sets}`, ask, often)).evaluate
  const [planned, exact] = [engine(AT_ONCE), engine(NEVER)]
  const links = new Set(policies.filter(({ slots }) => slots !== undefined).map(({ id }) => id))
  for (const asked of fuzz.questions) {
    const question = new CedarQuestion(asked, asked.context, entities)
    const request = requestJson({ ...asked, entities: given })
    const mine = await planned(question)
    const other = await exact(new CedarQuestion(asked, asked.context, linkEntities([...fuzz.entities, ...actions])))
    const theirs = withReasons(policies, request, fuzz.strict, askOracle(all, request, fuzz.strict))
    if (!isDeepStrictEqual(said(mine), said(theirs))) {
      const both = `compiled ${JSON.stringify(said(mine))}\ncedar-wasm ${JSON.stringify(said(theirs))}`
      assert.fail(`${both}\n${describe(fuzz, request)}`)
    }
    assert.deepEqual(said(mine), said(other), 'a plan says something else')
    checkValidated(mine, valid)
    coverage.verdict(mine)
    if (mine.reasons.some((id) => links.has(id))) coverage.count('link holds')
  }
}
