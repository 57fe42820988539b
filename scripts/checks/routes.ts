/** The route table, read from the source, and which tests say that they cover which route. */
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

export interface RouteFact {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly access: string
  readonly consequential: boolean
  readonly where: string
}

const KEYS = ['method', 'path', 'name', 'access', 'consequential']

const literal = (node: unknown): string | boolean | undefined => {
  const one = node as Node
  if (one.type === 'BooleanLiteral') return one.value as boolean
  return stringOf(one)
}

type Constants = ReadonlyMap<string, Node>

/** Constants of a file by name, so that a spread or a list of names can be followed. */
const constantsOf = (source: Source): Constants => {
  const constants = new Map<string, Node>()
  walk(treeOf(source), (node) => {
    if (node.type === 'VariableDeclarator' && node.init) constants.set(nameOf(node.id) ?? '', node.init as Node)
  })
  return constants
}

const plain = (node: Node | undefined): Node | undefined =>
  node?.type === 'TSAsExpression' || node?.type === 'TSSatisfiesExpression' ? plain(node.expression as Node) : node

const membersOf = (object: Node, constants: Constants): Map<string, unknown> => {
  const members = new Map<string, unknown>()
  for (const property of object.properties as Node[]) {
    if (property.type === 'SpreadElement') {
      const base = plain(constants.get(nameOf(property.argument) ?? ''))
      if (base?.type !== 'ObjectExpression') continue
      for (const [key, value] of membersOf(base, new Map())) members.set(key, value)
    } else if (property.type === 'ObjectProperty' && property.computed !== true) {
      members.set(nameOf(property.key) ?? '', property.value)
    }
  }
  return members
}

/** What routes share (no path and no name), or a copy of a route, whose members are variables. */
const isPartOrCopy = (members: ReadonlyMap<string, unknown>): boolean => {
  if (!members.has('path') && !members.has('name')) return true
  return KEYS.every((key) =>
    ['Identifier', 'MemberExpression'].includes((members.get(key) as Node | undefined)?.type ?? ''),
  )
}

/** A route is an object literal with `method`, `path`, `name`, `access` and `consequential`, each a literal. */
export const routesOf = (sources: readonly Source[]): { routes: RouteFact[]; findings: Finding[] } => {
  const routes: RouteFact[] = []
  const findings: Finding[] = []
  for (const source of sources) {
    if (packageOf(source.path) === undefined || isTest(source.path)) continue
    const constants = constantsOf(source)
    walk(treeOf(source), (node) => {
      if (node.type !== 'ObjectExpression') return
      const members = membersOf(node, constants)
      if (!members.has('access') || !members.has('consequential') || isPartOrCopy(members)) return
      const where = lineOf(source, node)
      const values = KEYS.map((key) => (members.has(key) ? literal(members.get(key)) : undefined))
      const [method, path, name, access, consequential] = values
      if (values.includes(undefined) || typeof consequential !== 'boolean') {
        findings.push({
          where,
          what: `a route needs ${KEYS.join(', ')}, each written as a literal, so that it can be listed`,
        })
      } else routes.push({ where, method, path, name, access, consequential } as RouteFact)
    })
  }
  const names = new Map<string, RouteFact>()
  for (const route of routes) {
    const first = names.get(route.name)
    if (first !== undefined)
      findings.push({ where: route.where, what: `the name ${route.name} is used at ${first.where} too` })
    names.set(route.name, route)
  }
  return { routes, findings }
}

const stringsOf = (node: Node | undefined, constants: Constants): string[] | undefined => {
  if (node === undefined) return undefined
  const one = stringOf(node)
  if (one !== undefined) return [one]
  if (node.type === 'TSAsExpression' || node.type === 'TSSatisfiesExpression')
    return stringsOf(node.expression as Node, constants)
  if (node.type === 'Identifier') return stringsOf(constants.get(node.name as string), new Map())
  if (node.type !== 'ArrayExpression') return undefined
  const all = (node.elements as Node[]).map((element) => stringOf(element))
  return all.includes(undefined) ? undefined : (all as string[])
}

export interface Covered {
  readonly route: string
  readonly where: string
}

/** Names given to `refusedCaller` or `opensIntent` of `@credence/kit/testing` in the tests. */
export const coveredBy = (
  helper: 'refusedCaller' | 'opensIntent',
  sources: readonly Source[],
): { covered: Covered[]; findings: Finding[] } => {
  const covered: Covered[] = []
  const findings: Finding[] = []
  for (const source of sources.filter(({ path, text }) => path.endsWith('.test.ts') && text.includes(helper))) {
    const constants = constantsOf(source)
    walk(treeOf(source), (node) => {
      if (node.type !== 'CallExpression' || nameOf(node.callee) !== helper) return
      const where = lineOf(source, node)
      const names = stringsOf((node.arguments as Node[])[0], constants)
      if (names === undefined) findings.push({ where, what: `${helper} wants the names of routes as literals` })
      else covered.push(...names.map((route) => ({ route, where })))
    })
  }
  return { covered, findings }
}

export const uncovered = (
  routes: readonly RouteFact[],
  covered: readonly Covered[],
): { missing: string[]; findings: Finding[] } => {
  const tested = new Set(covered.map(({ route }) => route))
  const known = new Set(routes.map(({ name }) => name))
  return {
    missing: routes.map(({ name }) => name).filter((name) => !tested.has(name)),
    findings: covered
      .filter(({ route }) => !known.has(route))
      .map(({ route, where }) => ({ where, what: `there is no route ${route} of this kind` })),
  }
}
