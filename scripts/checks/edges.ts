/** Who may import whom. Every other edge is an error. */
import { dirname, join, normalize } from 'node:path/posix'
import { type Finding, isTest, lineOf, type Node, packageOf, type Source, stringOf, treeOf, walk } from './source.ts'

const ALL = [
  'kit',
  'protocol',
  'model',
  'policy',
  'ledger',
  'audit',
  'sync',
  'db',
  'guard',
  'gateway',
  'agent',
  'keeper',
  'authority',
]

/** The table of the architecture page. */
export const EDGES: Readonly<Record<string, readonly string[]>> = {
  kit: [],
  protocol: ['kit'],
  model: ['kit', 'protocol'],
  policy: ['kit', 'protocol', 'model'],
  sync: ['kit', 'protocol', 'model'],
  ledger: ['kit', 'protocol'],
  db: ['kit'],
  audit: ['kit', 'protocol', 'model', 'ledger'],
  guard: ['kit', 'protocol', 'model', 'sync'],
  gateway: ['kit', 'protocol', 'model', 'guard'],
  agent: ['kit', 'protocol', 'model'],
  keeper: ['kit', 'protocol', 'model', 'agent'],
  authority: ['kit', 'protocol', 'model', 'policy', 'ledger', 'audit', 'sync', 'guard', 'db'],
  cli: ALL,
}

/** The ledger knows nothing of OAuth: of protocol it may use these folders only. */
const LEDGER_OF_PROTOCOL = /^@credence\/protocol\/(?:c2sp|cose)(?:$|[/-])/

export interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Import {
  readonly specifier: string
  readonly where: string
}

export const importsOf = (source: Source): Import[] => {
  const found: Import[] = []
  walk(treeOf(source), (node) => {
    const callee = node.callee as Node | undefined
    const dynamic = node.type === 'ImportExpression' || (node.type === 'CallExpression' && callee?.type === 'Import')
    const specifier = dynamic
      ? stringOf(node.source ?? (node.arguments as Node[])[0])
      : node.type === 'TSImportType'
        ? stringOf(node.source ?? node.argument)
        : /^(?:Import|ExportNamed|ExportAll)Declaration$/.test(node.type)
          ? stringOf(node.source)
          : undefined
    if (specifier !== undefined) found.push({ specifier, where: lineOf(source, node) })
  })
  return found
}

export const packageName = (specifier: string): string =>
  specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : (specifier.split('/')[0] as string)

const ownPackage = (specifier: string): string | undefined => /^@credence\/([^/]+)/.exec(specifier)?.[1]

const judge = (from: string, source: Source, one: Import, declared: ReadonlySet<string>): string | undefined => {
  const { specifier } = one
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(source.path), specifier))
    return target.startsWith(`packages/${from}/`) ? undefined : 'a relative import must stay in its package'
  }
  if (specifier.startsWith('node:')) return undefined
  const ours = ownPackage(specifier)
  if (ours !== undefined && ours !== from && !isTest(source.path)) {
    if (!EDGES[from]?.includes(ours)) return `${from} may not import ${ours}`
    if (from === 'ledger' && ours === 'protocol' && !LEDGER_OF_PROTOCOL.test(specifier))
      return 'ledger may use only protocol/c2sp and protocol/cose'
  }
  if (ours === from || isTest(source.path)) return undefined
  return declared.has(packageName(specifier))
    ? undefined
    : `${packageName(specifier)} is not in the dependencies of ${from}`
}

const declaredBy = (manifest: Manifest): string[] =>
  Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies })

export const checkEdges = (sources: readonly Source[], manifests: Readonly<Record<string, Manifest>>): Finding[] => {
  const findings: Finding[] = []
  const used = new Map<string, Set<string>>()
  for (const source of sources) {
    const from = packageOf(source.path)
    const manifest = from === undefined ? undefined : manifests[from]
    if (from === undefined) continue
    if (manifest === undefined || EDGES[from] === undefined) {
      findings.push({ where: source.path, what: `the package ${from} is not in the table of edges` })
      continue
    }
    const declared = new Set(declaredBy(manifest))
    const uses = used.get(from) ?? new Set()
    used.set(from, uses)
    for (const one of importsOf(source)) {
      uses.add(packageName(one.specifier))
      const what = judge(from, source, one, declared)
      if (what !== undefined) findings.push({ where: one.where, what })
    }
  }
  return [...findings, ...checkManifests(manifests, used)]
}

const checkManifests = (
  manifests: Readonly<Record<string, Manifest>>,
  used: ReadonlyMap<string, Set<string>>,
): Finding[] =>
  Object.entries(manifests).flatMap(([from, manifest]) => {
    const where = `packages/${from}/package.json`
    const dependencies = Object.keys(manifest.dependencies ?? {})
    const forbidden = dependencies
      .filter((name) => name.startsWith('@credence/') && !EDGES[from]?.includes(name.slice(10)))
      .map((name) => ({ where, what: `${from} may not depend on ${name}` }))
    const idle = dependencies
      .filter((name) => used.has(from) && used.get(from)?.has(name) === false)
      .map((name) => ({ where, what: `${name} is declared but never imported` }))
    return [...forbidden, ...idle]
  })
