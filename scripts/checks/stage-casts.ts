/** A stage of the pipeline is made by its step and by nobody else: no cast to one. */
import { type Finding, isTest, lineOf, type Node, nameOf, type Source, treeOf, walk } from './source.ts'

export const STAGES = new Set(['Presented', 'Caller', 'Operation', 'Mapped', 'Permit', 'Intent', 'Outcome'])
/** Where the steps are. */
const EXEMPT = /^packages\/guard\/src\/stages\//

const stageIn = (type: unknown): string | undefined => {
  let found: string | undefined
  walk(type as Node, (node) => {
    if (node.type !== 'TSTypeReference') return
    const named = node.typeName as Node
    const name = named.type === 'TSQualifiedName' ? nameOf(named.right) : nameOf(named)
    if (name !== undefined && STAGES.has(name)) found = name
  })
  return found
}

export const checkStageCasts = (sources: readonly Source[]): Finding[] =>
  sources
    .filter(({ path }) => path.startsWith('packages/') && !isTest(path) && !EXEMPT.test(path))
    .flatMap((source) => {
      const findings: Finding[] = []
      walk(treeOf(source), (node) => {
        if (node.type !== 'TSAsExpression' && node.type !== 'TSTypeAssertion') return
        const stage = stageIn(node.typeAnnotation)
        if (stage !== undefined) findings.push({ where: lineOf(source, node), what: `a cast to the stage ${stage}` })
      })
      return findings
    })
