/** Explanations against cedar-wasm itself, over the whole language: every operator, templates, tags, failures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requestJson } from '../../cedar/question.ts'
import { parseText } from '../../cedar/read-text.ts'
import { CedarQuestion, linkEntities } from '../../compile/entities.ts'
import { namedSet } from '../../named-set.ts'
import type { PolicyInfo } from '../../snapshot.ts'
import { actionEntities, type FuzzCase, someCase } from '../../testing/fuzz/cases.ts'
import { generated } from '../../testing/fuzz/choice.ts'
import { askOracle } from '../../testing/fuzz/oracle.ts'
import { explainPolicy } from './explain.ts'
import { preparePolicy } from './prepare.ts'
import { policySpans, spanText } from './spans.ts'

let sets = 0
const reached = new Map<string, number>()

const infoOf = ({ id, text, slots }: FuzzCase['policies'][number], effect: PolicyInfo['effect']): PolicyInfo => ({
  id,
  origin: 'user',
  effect,
  file: 'a.cedar',
  line: 1,
  text,
  ...(slots === undefined ? {} : { template: `template ${id}`, slots }),
})

/** What the generator wrote between brackets, joined in every way, for everybody. */
const joinedPolicies = ({ policies }: FuzzCase): FuzzCase['policies'] => {
  const conditions = policies.flatMap(({ text }) => policySpans(text).clauses.map((span) => spanText(span, text)))
  const [a = 'true', b = 'context has a', c = 'principal is U'] = conditions.sort((x, y) => x.length - y.length)
  return [
    `(${a}) && (${b} || ${c})`,
    `!(${a}) || ((${b}) && !(${c}))`,
    `if (${c}) || true then ((${a}) && (${b})) || (${c}) else ${b}`,
    `((${b}) || (${a})) == true || ((${c}) && (${a}))`,
    '(true && false) || (principal is U && context has a)',
    '!(resource is R && true) && (false || !(false && context.a))',
  ].map((condition, index) => ({
    id: `joined${index}`,
    text: `permit (principal, action, resource) ${index % 2 === 0 ? 'when' : 'unless'} { ${condition} };`,
    slots: undefined,
  }))
}

const explainsAsCedar = (fuzz: FuzzCase): void => {
  const actions = actionEntities(fuzz.universe)
  const entities = linkEntities([...fuzz.entities, ...actions])
  for (const one of [...fuzz.policies, ...joinedPolicies(fuzz)]) {
    const json: { effect: PolicyInfo['effect'] } = JSON.parse(parseText(one.text).json ?? 'null')
    const info = infoOf(one, json.effect)
    const policy = preparePolicy(info, json, undefined)
    const set = namedSet(`explained ${sets++}`, [info])
    for (const asked of fuzz.questions.slice(0, 3)) {
      const question = new CedarQuestion(asked, asked.context, entities)
      const { standing, missing, failed } = explainPolicy(policy, question, 'everything')
      reached.set(standing, (reached.get(standing) ?? 0) + 1)
      if (standing === 'engine') continue
      const { reasons, errors } = askOracle(set, requestJson({ ...asked, entities }), false)
      const cedar = reasons.length > 0 ? 'matches' : errors.length > 0 ? 'failed' : 'does not match'
      assert.equal(standing, cedar, one.text)
      assert.equal(failed?.kind, errors[0]?.kind, one.text)
      if (standing === 'does not match') assert.ok(missing.length > 0, 'what is missing is named')
      for (const { text, line, column } of [...missing, ...(failed === undefined ? [] : [failed])]) {
        const lines = one.text
          .split('\n')
          .slice(line - 1)
          .join(' ')
          .slice(column - 1)
        assert.ok(
          text !== '' && lines.replace(/\s+/g, ' ').startsWith(text),
          `${text} at ${line}:${column} of ${one.text}`,
        )
      }
    }
  }
}

test('explanations say of every policy what cedar-wasm says, and point at what they quote', {
  timeout: 240_000,
}, () => {
  fc.assert(fc.property(generated(someCase), explainsAsCedar), { numRuns: 80, endOnFailure: true })
  for (const standing of ['matches', 'does not match', 'failed']) {
    assert.ok((reached.get(standing) ?? 0) > 30, `${standing}: ${reached.get(standing)}`)
  }
})
