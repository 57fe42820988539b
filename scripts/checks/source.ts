/** Source files and their syntax trees: what the static checks look at. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '@babel/parser'

export interface Source {
  /** From the project's root, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** What is wrong, where, and what to do. */
export interface Finding {
  readonly where: string
  readonly what: string
}

export interface Node {
  readonly type: string
  readonly loc?: { readonly start: { readonly line: number }; readonly end: { readonly line: number } }
  readonly [key: string]: unknown
}

/** Files that git knows or would add, so that nothing generated is judged. */
export const projectFiles = (root: string): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(root, path)))

export const readSources = (root: string, paths: readonly string[]): Source[] =>
  paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

export const isTypeScript = (path: string): boolean => path.endsWith('.ts') && !path.endsWith('.d.ts')
export const isTest = (path: string): boolean =>
  path.endsWith('.test.ts') || path.endsWith('.test-d.ts') || path.includes('/testing/') || path.includes('/test/')
export const packageOf = (path: string): string | undefined => /^packages\/([^/]+)\/src\//.exec(path)?.[1]

const trees = new WeakMap<Source, Node>()

export const treeOf = (source: Source): Node => {
  const known = trees.get(source)
  if (known !== undefined) return known
  const tree = parse(source.text, {
    sourceType: 'module',
    plugins: ['typescript'],
    errorRecovery: true,
  }) as unknown as Node
  trees.set(source, tree)
  return tree
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'

/** Every node with its parents, innermost last. */
export const walk = (
  node: Node,
  visit: (node: Node, parents: readonly Node[]) => void,
  parents: readonly Node[] = [],
): void => {
  visit(node, parents)
  const below = [...parents, node]
  for (const key of Object.keys(node)) {
    if (key === 'loc' || key.endsWith('Comments') || key === 'tokens' || key === 'errors') continue
    const value = node[key]
    if (Array.isArray(value)) {
      for (const one of value) if (isNode(one)) walk(one, visit, below)
    } else if (isNode(value)) walk(value, visit, below)
  }
}

export const lineOf = (source: Source, node: Node): string => `${source.path}:${node.loc?.start.line ?? 0}`

/** The text of an identifier, a string or a template without holes. */
export const nameOf = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === 'Identifier') return node.name as string
  if (node.type === 'PrivateName') return `#${nameOf(node.id)}`
  return stringOf(node)
}

export const stringOf = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === 'StringLiteral') return node.value as string
  if (node.type === 'TSAsExpression' || node.type === 'TSSatisfiesExpression') return stringOf(node.expression)
  if (node.type === 'TemplateLiteral' && (node.expressions as Node[]).length === 0) {
    return (node.quasis as { value: { cooked: string } }[])[0]?.value.cooked
  }
  return undefined
}
