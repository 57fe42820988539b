/** Expectation files: given facts, what is to be decided and by which policies. */
import { promises as fs } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isCredenceError, refused } from '@credence/kit'
import { type JsonValue, parseStrict } from '@credence/kit/json'
import type { Decision } from '@credence/model'
import { loadPolicyFolder } from '../folder.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import type { PolicySource } from '../source.ts'
import type { Position } from '../text/position.ts'
import { askScene } from './ask.ts'
import { type Facts, sceneOf } from './facts.ts'
import { placeInJson } from './json-place.ts'
import { type Json, objectAt, oneOf, readFacts, textAt, textsAt, WrongJson } from './read-facts.ts'

export interface Expectation extends Position {
  readonly name: string
  readonly file: string
  readonly facts: Facts
  /** `ask`: once a person has approved it. */
  readonly expect: 'allow' | 'deny' | 'ask'
  /** These policies are among those that decide; an empty list: none does; absent: whichever. */
  readonly by?: readonly string[]
  /** Exactly obligations of these types are demanded; absent: whatever. */
  readonly demands?: readonly string[]
  /** Exactly these policies fail; absent: none may. */
  readonly errors?: readonly string[]
}

export interface Result {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly column: number
  readonly passed: boolean
  readonly expected: string
  readonly decided: string
  /** What is not as expected; the decision's own reason where all is. */
  readonly reason: string
}

export const EXPECTATIONS = '.test.json'

const MOST_BYTES = 4 * 1024 * 1024

const readOne = (value: JsonValue, common: Json, at: Pick<Expectation, 'file' | keyof Position>, index: number) => {
  const path = ['tests', index]
  const test = objectAt(value, path, ['name', 'facts', 'expect', 'by', 'demands', 'errors'])
  const own = test.facts === undefined ? {} : objectAt(test.facts, [...path, 'facts'], Object.keys(test.facts ?? {}))
  const expectation: Expectation = {
    ...at,
    name: textAt(test.name, [...path, 'name']),
    facts: readFacts({ ...common, ...own }, [...path, 'facts']),
    expect: oneOf(test.expect, [...path, 'expect'], ['allow', 'deny', 'ask']),
    ...(test.by === undefined ? {} : { by: textsAt(test.by, [...path, 'by']) }),
    ...(test.demands === undefined ? {} : { demands: textsAt(test.demands, [...path, 'demands']) }),
    ...(test.errors === undefined ? {} : { errors: textsAt(test.errors, [...path, 'errors']) }),
  }
  return expectation
}

const readAll = (file: string, text: string): Expectation[] => {
  const whole = objectAt(parseStrict(text, { maxBytes: MOST_BYTES }), [], ['facts', 'tests'])
  const common = whole.facts === undefined ? {} : objectAt(whole.facts, ['facts'], Object.keys(whole.facts ?? {}))
  const { tests } = whole
  if (!Array.isArray(tests) || tests.length === 0) throw new WrongJson(['tests'], '"tests" is a list of at least one.')
  return tests.map((value: JsonValue, index) =>
    readOne(value, common, { file, ...placeInJson(text, ['tests', index]) }, index),
  )
}

const invalid = (message: string) => refused('policy_test_invalid', message, { status: 422 })

/** Throws `refused` with file, line and column of what is not as it should be. */
export const readExpectations = (file: string, text: string): readonly Expectation[] =>
  inFile(file, text, () => readAll(file, text))

const inFile = <T>(file: string, text: string, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (error instanceof WrongJson) {
      const { line, column } = placeInJson(text, error.path)
      throw invalid(`${file}:${line}:${column}: ${error.message} (docs/policy-tools.md has the format)`)
    }
    if (isCredenceError(error)) throw invalid(`${file}: ${error.message}`)
    throw error
  }
}

/** Facts alone, or those of one expectation. Throws `refused` with the place of what is not as it should be. */
export const readFactsFile = (file: string, text: string, test?: string): Facts => {
  const whole = inFile(file, text, () => parseStrict(text, { maxBytes: MOST_BYTES }))
  if (typeof whole !== 'object' || whole === null || !('tests' in whole)) {
    return inFile(file, text, () => readFacts(whole, []))
  }
  const expectations = readExpectations(file, text)
  const found =
    expectations.find(({ name }) => name === test) ?? (expectations.length === 1 ? expectations[0] : undefined)
  if (found === undefined) {
    const names = expectations.map(({ name }) => JSON.stringify(name)).join(', ')
    throw refused('policy_test_missing', `${file} has several tests; choose one with --test: ${names}.`, {
      status: 404,
    })
  }
  return found.facts
}

/** Facts that somebody gave as flags. */
export const factsOf = (value: JsonValue): Facts => inFile('facts', JSON.stringify(value), () => readFacts(value, []))

const shownPolicies = (ids: readonly string[]): string => (ids.length === 0 ? 'no policy' : ids.join(', '))

const isAmong = (by: readonly string[], decided: readonly string[]): boolean =>
  by.length === 0 ? decided.length === 0 : by.every((id) => decided.includes(id))

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join('\n') === [...b].sort().join('\n')

/** A message of the decider begins with the id of the policy that failed. */
const failedPolicies = ({ errors }: Decision, snapshot: PolicySnapshot): string[] =>
  snapshot.policies.flatMap(({ id }) => (errors.some((error) => error.startsWith(`${id}: `)) ? [id] : []))

const DECIDED = { granted: 'allow', refused: 'deny', pending: 'ask' } as const

const mismatches = (expected: Expectation, decision: Decision, snapshot: PolicySnapshot): string[] => {
  const { expect, by, demands, errors } = expected
  const demanded = decision.obligations.map(({ type }) => type)
  const decided = DECIDED[decision.effect]
  const failed = failedPolicies(decision, snapshot)
  return [
    ...(decided === expect ? [] : [`expected ${expect}, decided ${decided}: ${decision.reason}`]),
    ...(by === undefined || isAmong(by, decision.policies)
      ? []
      : [`expected ${shownPolicies(by)} to decide, ${shownPolicies(decision.policies)} did`]),
    ...(demands === undefined || same(demands, demanded)
      ? []
      : [`expected ${demands.join(', ') || 'nothing'} to be demanded, ${demanded.join(', ') || 'nothing'} was`]),
    ...(same(errors ?? [], failed)
      ? []
      : [
          `expected ${shownPolicies(errors ?? [])} to fail, ${shownPolicies(failed)} did: ${decision.errors.join('; ')}`,
        ]),
  ]
}

export const runExpectation = async (snapshot: PolicySnapshot, expected: Expectation): Promise<Result> => {
  const { decision } = await askScene(snapshot, sceneOf(expected.facts))
  const wrong = mismatches(expected, decision, snapshot)
  const { name, file, line, column, expect } = expected
  return {
    name,
    file,
    line,
    column,
    passed: wrong.length === 0,
    expected: expect,
    decided: DECIDED[decision.effect],
    reason: wrong.length === 0 ? decision.reason : wrong.join('; '),
  }
}

export interface ExpectationFolder {
  readonly source: PolicySource
  readonly expectations: readonly Expectation[]
}

const filesOf = async (path: string): Promise<{ dir: string; names: readonly string[] }> => {
  if (path.endsWith('.json')) return { dir: dirname(path), names: [basename(path)] }
  const found = await fs.readdir(path).catch(() => {
    throw refused('policy_folder_missing', `There is no folder ${path}.`, { status: 404 })
  })
  return { dir: path, names: found.filter((name) => name.endsWith(EXPECTATIONS) && !name.startsWith('.')).sort() }
}

/** A folder with all its expectation files, or one file with the folder that it stands in. */
export const loadExpectations = async (path: string): Promise<ExpectationFolder> => {
  const { dir, names } = await filesOf(path)
  const source = await loadPolicyFolder(dir)
  if (names.length === 0) {
    throw refused(
      'policy_tests_missing',
      `There is no *${EXPECTATIONS} beside the policies in ${dir}. \`credence policy new\` writes one, and docs/policy-tools.md has the format.`,
      { status: 404 },
    )
  }
  const texts = await Promise.all(
    names.map(async (name) => {
      const text = await fs.readFile(join(dir, name), 'utf8').catch(() => {
        throw refused('policy_test_missing', `There is no file ${join(dir, name)}.`, { status: 404 })
      })
      return readExpectations(join(dir, name), text)
    }),
  )
  return { source, expectations: texts.flat() }
}
