/** The policies of a snapshot, each with its conditions as trees and its place in its file. */
import { systemPolicies } from '../../builtin.ts'
import { readingLane } from '../../cedar/lane.ts'
import { NotCompiled } from '../../compile/errors.ts'
import { field, list } from '../../compile/json.ts'
import { type ActionScope, type EntityScope, readActionScope, readEntityScope } from '../../compile/scope.ts'
import type { PolicyInfo, PolicySnapshot } from '../../snapshot.ts'
import type { PolicyFile } from '../../source.ts'
import { type Position, positionAt } from '../../text/position.ts'
import { splitStatements } from '../../text/statements.ts'
import { type PolicySpans, policySpans, type Span, spanStart, spanText } from './spans.ts'
import { splitTree, type Tree, treeOf } from './tree.ts'

export interface Place extends Position {
  readonly file: string
  readonly text: string
}

/** Something that must hold, or with `unless` must not. */
export interface Demand {
  readonly clause: 'when' | 'unless'
  readonly tree: Tree
  readonly json: unknown
}

export interface Prepared {
  readonly info: PolicyInfo
  /** Cedar's JSON form. */
  readonly json: unknown
  readonly spans: PolicySpans
  readonly principal: EntityScope
  readonly action: ActionScope
  readonly resource: EntityScope
  /** In the order in which Cedar asks; undefined: only cedar-wasm evaluates this policy. */
  readonly demands: readonly Demand[] | undefined
  place(span: Span): Place
}

interface Home {
  readonly file: PolicyFile
  readonly offset: number
}

/** Statements by text; a linked policy stands where its template stands. */
const homesOf = ({ source }: PolicySnapshot): ReadonlyMap<string, Home> => {
  const homes = new Map<string, Home>()
  for (const file of [...systemPolicies, ...source.files]) {
    for (const { text, offset } of splitStatements(file.text)) {
      const key = `${file.name}\n${text}`
      if (!homes.has(key)) homes.set(key, { file, offset })
      if (!homes.has(text)) homes.set(text, { file, offset })
    }
  }
  return homes
}

/** The JSON of what a tree stands for: a test has its own, the rest is found by its parts. */
const jsonOf = (tree: Tree): unknown => {
  if (tree.kind === 'test') return tree.json
  if (tree.kind === 'not') return [jsonOf(tree.arg)]
  if (tree.kind === 'if') return [jsonOf(tree.test), jsonOf(tree.yes), jsonOf(tree.no)]
  return [jsonOf(tree.left), jsonOf(tree.right)]
}

export const demandsOf = (json: unknown, spans: PolicySpans, whole: Span): readonly Demand[] | undefined => {
  try {
    return list(field(json, 'conditions')).flatMap((condition, index) => {
      const clause = field(condition, 'kind') === 'when' ? 'when' : 'unless'
      const tree = treeOf(field(condition, 'body'), spans.clauses[index] ?? whole)
      return splitTree(tree, clause === 'when' ? 'and' : 'or').map((one) => ({ clause, tree: one, json: jsonOf(one) }))
    })
  } catch (error) {
    if (error instanceof NotCompiled) return undefined
    throw error
  }
}

export const preparePolicy = (info: PolicyInfo, json: unknown, home: Home | undefined): Prepared => {
  const spans = policySpans(info.text)
  const slots = info.slots ?? {}
  return {
    info,
    json,
    spans,
    principal: readEntityScope(field(json, 'principal'), slots),
    action: readActionScope(field(json, 'action')),
    resource: readEntityScope(field(json, 'resource'), slots),
    demands: demandsOf(json, spans, spans.scope[0]),
    place: (span) => ({
      file: home?.file.name ?? info.file,
      ...positionAt(home?.file.text ?? info.text, (home?.offset ?? 0) + spanStart(span)),
      text: spanText(span, info.text),
    }),
  }
}

/** Cedar's JSON form of each text, from the engine that read the set. */
export const policiesAsJson = async (texts: readonly string[]): Promise<readonly unknown[]> => {
  const answer = await readingLane.read({ schema: '', policies: texts })
  return answer.policies.map(({ json }) => (json === undefined ? undefined : (JSON.parse(json) as unknown)))
}

export const preparePolicies = async (snapshot: PolicySnapshot): Promise<readonly Prepared[]> => {
  const jsons = await policiesAsJson(snapshot.policies.map(({ text }) => text))
  const homes = homesOf(snapshot)
  return snapshot.policies.map((info, index) => {
    const home = homes.get(`${info.file}\n${info.text}`) ?? homes.get(info.text)
    return preparePolicy(info, jsons[index], home)
  })
}
