/** Clock, randomness and fetch come as arguments; `packages/kit/src/node.ts` is the only file that touches them. */
import {
  type Finding,
  isTest,
  lineOf,
  type Node,
  nameOf,
  packageOf,
  type Source,
  stringOf,
  treeOf,
  walk,
} from './source.ts'

const EXEMPT = new Set(['packages/kit/src/node.ts'])
const MEMBERS: Readonly<Record<string, RegExp>> = {
  Date: /^now$/,
  performance: /^(?:now|timeOrigin)$/,
  Math: /^random$/,
  crypto: /^(?:random|generateKey|getRandomValues)/,
  webcrypto: /^(?:random|generateKey|getRandomValues)/,
  subtle: /^generateKey$/,
  process: /^hrtime$/,
  globalThis: /^(?:fetch|WebSocket|EventSource)$/,
}
const CRYPTO = /^(?:random|generateKey|generatePrime|getRandomValues|webcrypto$|getRandomValues)/
const GLOBAL_CALLS = new Set(['fetch'])
const GLOBAL_CLASSES = new Set(['WebSocket', 'EventSource', 'XMLHttpRequest'])

/** Names that the file itself declares: a parameter called `fetch` is not the global one. */
const declaredNames = (tree: Node): Set<string> => {
  const names = new Set<string>()
  const add = (node: unknown): void => {
    const name = nameOf(node)
    if (name !== undefined) names.add(name)
  }
  walk(tree, (node) => {
    if (node.type === 'VariableDeclarator' || node.type === 'FunctionDeclaration') add(node.id)
    if (node.type.startsWith('Import') && node.local !== undefined) add(node.local)
    if (node.type === 'ObjectProperty' && (node.shorthand as boolean)) add(node.value)
    for (const parameter of (node.params as Node[] | undefined) ?? []) add(parameter)
  })
  return names
}

const memberOf = (node: Node): string | undefined => {
  const object = node.object as Node
  const owner = object.type === 'MemberExpression' ? nameOf(object.property) : nameOf(object)
  const property = nameOf(node.property)
  if (owner === undefined || property === undefined || !Object.hasOwn(MEMBERS, owner)) return undefined
  return MEMBERS[owner]?.test(property) ? `${owner}.${property}` : undefined
}

const importOf = (node: Node): string | undefined => {
  const from = stringOf(node.source)
  const names = ((node.specifiers as Node[] | undefined) ?? []).map((one) => nameOf(one.imported) ?? '')
  if (from === 'node:crypto' || from === 'crypto') return names.find((name) => CRYPTO.test(name))
  if (from === 'node:perf_hooks') return 'node:perf_hooks'
  return from === 'undici' ? names.find((name) => name === 'fetch' || name === 'WebSocket') : undefined
}

const useOf = (node: Node, declared: ReadonlySet<string>): string | undefined => {
  const callee = nameOf(node.callee)
  switch (node.type) {
    case 'MemberExpression':
    case 'OptionalMemberExpression':
      return memberOf(node)
    case 'ImportDeclaration':
      return node.importKind === 'type' ? undefined : importOf(node)
    case 'NewExpression':
      if (callee === 'Date' && (node.arguments as Node[]).length === 0) return 'new Date()'
      return callee !== undefined && GLOBAL_CLASSES.has(callee) && !declared.has(callee) ? `new ${callee}` : undefined
    case 'CallExpression':
      if (callee === 'Date') return 'Date()'
      return callee !== undefined && GLOBAL_CALLS.has(callee) && !declared.has(callee) ? `${callee}()` : undefined
    default:
      return undefined
  }
}

export const checkAmbient = (sources: readonly Source[]): Finding[] =>
  sources
    .filter(({ path }) => packageOf(path) !== undefined && !isTest(path) && !EXEMPT.has(path))
    .flatMap((source) => {
      const findings: Finding[] = []
      const tree = treeOf(source)
      const declared = declaredNames(tree)
      walk(tree, (node) => {
        const use = useOf(node, declared)
        if (use !== undefined)
          findings.push({
            where: lineOf(source, node),
            what: `${use}: take it as an argument (Clock, Random, KeyMaker, SafeFetch of kit)`,
          })
      })
      return findings
    })
