/** Functions that do not fit on a screen. */
import { isTest, isTypeScript, type Node, nameOf, type Source, treeOf, walk } from './source.ts'

export const LONG = 60
export const NEVER = 120

export interface LongFunction {
  /** `path#name`, stable while lines move. */
  readonly id: string
  readonly lines: number
}

const FUNCTION = /^(?:Function(?:Declaration|Expression)|ArrowFunctionExpression|ObjectMethod|Class(?:Private)?Method)$/

const functionName = (node: Node, parents: readonly Node[]): string => {
  const own = nameOf(node.id) ?? nameOf(node.key)
  if (own !== undefined) return own
  for (const parent of parents.toReversed()) {
    const name = nameOf(parent.id) ?? nameOf(parent.key) ?? nameOf(parent.callee)
    if (name !== undefined) return FUNCTION.test(parent.type) ? `${name}/inner` : name
  }
  return 'anonymous'
}

export const longFunctions = (sources: readonly Source[]): LongFunction[] =>
  sources
    .filter(({ path }) => isTypeScript(path) && !isTest(path))
    .flatMap((source) => {
      const found: LongFunction[] = []
      walk(treeOf(source), (node, parents) => {
        if (!FUNCTION.test(node.type) || node.loc === undefined) return
        const lines = node.loc.end.line - node.loc.start.line + 1
        if (lines > LONG) found.push({ id: `${source.path}#${functionName(node, parents)}`, lines })
      })
      return found
    })
