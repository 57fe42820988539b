/** Each check must be able to fail: it is fed a bad snippet and a good one. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, test } from 'node:test'
import { checkAmbient } from './ambient.ts'
import { checkIncludes, checkLinks, fillIncludes } from './documents.ts'
import { checkEdges, EDGES, type Manifest } from './edges.ts'
import { longFunctions } from './functions.ts'
import { checkLeaks, checkLock } from './leaks.ts'
import { judgeRatchet } from './ratchet.ts'
import { coveredBy, routesOf, uncovered } from './routes.ts'
import type { Finding, Source } from './source.ts'
import { checkStageCasts } from './stage-casts.ts'

const ROOT = join(import.meta.dirname, '../..')
const at = (path: string, text: string): Source => ({ path, text })
const words = (findings: readonly Finding[]): string =>
  findings.map(({ where, what }) => `${where}: ${what}`).join('\n')

describe('edges', () => {
  const manifests = (dependencies: Record<string, string> = {}): Record<string, Manifest> => ({
    kit: { name: '@credence/kit', dependencies },
    guard: { name: '@credence/guard', dependencies: { '@credence/kit': '0.1.0', '@credence/model': '0.1.0' } },
    ledger: { name: '@credence/ledger', dependencies: { '@credence/protocol': '0.1.0' } },
  })
  const check = (path: string, text: string, dependencies = {}): string =>
    words(checkEdges([at(path, text)], manifests(dependencies)))
  const bad: readonly [string, string, string, RegExp][] = [
    ['upwards', 'packages/kit/src/a.ts', "import { x } from '@credence/guard'", /kit may not import guard/],
    ['type only', 'packages/kit/src/a.ts', "import type { x } from '@credence/model'", /kit may not import model/],
    ['export from', 'packages/kit/src/a.ts', "export * from '@credence/model/x'", /kit may not import model/],
    ['dynamic', 'packages/kit/src/a.ts', "await import('@credence/model')", /kit may not import model/],
    ['in a type', 'packages/kit/src/a.ts', "type A = import('@credence/model').A", /kit may not import model/],
    ['around the package', 'packages/kit/src/a.ts', "import '../../model/src/index.ts'", /must stay in its package/],
    ['undeclared', 'packages/kit/src/a.ts', "import 'left-pad/x'", /left-pad is not in the dependencies/],
    ['folder of protocol', 'packages/ledger/src/a.ts', "import '@credence/protocol/oauth'", /only protocol\/c2sp/],
    ['unknown package', 'packages/new/src/a.ts', '', /not in the table/],
    [
      'idle dependency',
      'packages/guard/src/a.ts',
      "import '@credence/kit'",
      /@credence\/model is declared but never imported/,
    ],
  ]
  for (const [name, path, text, expected] of bad) test(name, () => assert.match(check(path, text), expected))

  test('a forbidden dependency in a manifest', () => {
    assert.match(
      check('packages/kit/src/a.ts', "import '@credence/guard'", { '@credence/guard': '1' }),
      /may not depend on @credence\/guard/,
    )
  })
  test('good ones, and tests may use what they like', () => {
    const good =
      "import 'node:fs'\nimport './b.ts'\nimport type { A } from '@credence/model'\nimport '@credence/kit/json'"
    assert.equal(check('packages/guard/src/a.ts', good), '')
    assert.equal(check('packages/kit/src/a.test.ts', "import '@credence/db'\nimport 'fast-check'"), '')
    assert.equal(check('packages/ledger/src/a.ts', "import '@credence/protocol/c2sp'"), '')
  })
  test('the table has no cycle', () => {
    const below = (name: string, seen: string[] = []): void => {
      assert.ok(!seen.includes(name), `${[...seen, name].join(' -> ')}`)
      for (const next of EDGES[name] ?? []) below(next, [...seen, name])
    }
    for (const name of Object.keys(EDGES)) below(name)
  })
})

describe('ambient clock, randomness, fetch', () => {
  const check = (text: string, path = 'packages/guard/src/a.ts'): string => words(checkAmbient([at(path, text)]))
  const bad = [
    'Date.now()',
    'const f = Date.now',
    'new Date()',
    'Date()',
    'performance.now()',
    'Math.random()',
    'crypto.randomUUID()',
    'globalThis.crypto.getRandomValues(a)',
    'crypto.subtle.generateKey()',
    "import { randomBytes } from 'node:crypto'",
    "import { createHash, generateKeyPairSync as g } from 'node:crypto'",
    "import * as c from 'node:crypto'; c.x; import { performance } from 'node:perf_hooks'",
    'await fetch(url)',
    'globalThis.fetch(url)',
    "import { fetch } from 'undici'",
    'new WebSocket(url)',
    'process.hrtime.bigint()',
  ]
  for (const text of bad) test(text, () => assert.notEqual(check(text), ''))
  const good = [
    'clock.now()',
    'new Date(time)',
    'random.bytes(16)',
    "import { createHash, randomised } from './x.ts'",
    "import type { randomBytes } from 'node:crypto'",
    'const go = (fetch: SafeFetch) => fetch(url)',
    'const { fetch } = deps; fetch(url)',
    'deps.fetch(url)',
    'setTimeout(f, 1)',
    '// Date.now()',
  ]
  for (const text of good) test(`allowed: ${text}`, () => assert.equal(check(text), ''))
  test('only kit/src/node.ts and tests may', () => {
    assert.equal(check('Date.now()', 'packages/kit/src/node.ts'), '')
    assert.equal(check('Date.now()', 'packages/kit/src/x.test.ts'), '')
    assert.notEqual(check('Date.now()', 'packages/kit/src/other/node.ts'), '')
  })
})

test('casts to stages', () => {
  const check = (text: string, path = 'packages/gateway/src/a.ts'): number => checkStageCasts([at(path, text)]).length
  for (const text of [
    'x as Caller',
    'x as unknown as Permit<Tool>',
    '<Intent>x',
    'x as readonly Operation[]',
    'x as guard.Outcome',
  ]) {
    assert.notEqual(check(text), 0, text)
  }
  for (const text of ['x as CallerFacts', 'x satisfies Caller', 'const a: Caller = x', 'x as const']) {
    assert.equal(check(text), 0, text)
  }
  assert.equal(check('x as Caller', 'packages/guard/src/stages/caller.ts'), 0)
})

test('leaks', () => {
  const bad = [
    'see /wor' + 'k/main/x',
    'by Clau' + 'de',
    'TO' + 'DO: later',
    'for iss' + 'ue 2',
    'in /ho' + 'me/someone/x',
  ]
  for (const text of bad) assert.equal(checkLeaks([at('docs/a.md', `fine\n${text}`)])[0]?.where, 'docs/a.md:2', text)
  assert.deepEqual(checkLeaks([at('a.md', 'work on the issuer, issue a token, ~/.credence, /workspace/main')]), [])
})

describe('lock file', () => {
  const lock = (entry: object): string => JSON.stringify({ packages: { '': {}, 'node_modules/a': entry } })
  test('a download host, or no integrity, is refused', () => {
    assert.match(words(checkLock(lock({ resolved: 'https://r.test/a.tgz', integrity: 'x' }))), /download host/)
    assert.match(words(checkLock(lock({ version: '1' }))), /no integrity/)
    assert.deepEqual(checkLock(lock({ integrity: 'x' })), [])
    assert.deepEqual(checkLock(lock({ resolved: 'packages/a', link: true })), [])
  })
  test('ours has no download host', () => {
    assert.deepEqual(checkLock(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')), [])
    assert.ok(!/"(?:https?|git\+[a-z]+):\/\/[^"]*\.tgz"/.test(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')))
  })
})

test('length of functions, with names that stay', () => {
  const body = (lines: number): string => '{\n'.concat('x\n'.repeat(lines - 2), '}')
  const text = `const a = () => ${body(61)}\nclass B { m() ${body(61)} #p() ${body(60)} }\nrun(() => ${body(130)})`
  const ids = longFunctions([at('packages/kit/src/a.ts', text)])
  assert.deepEqual(
    ids.map(({ id, lines }) => [id, lines]),
    [
      ['packages/kit/src/a.ts#a', 61],
      ['packages/kit/src/a.ts#m', 61],
      ['packages/kit/src/a.ts#run', 130],
    ],
  )
  assert.deepEqual(longFunctions([at('packages/kit/src/a.test.ts', text)]), [])
})

describe('routes', () => {
  const table = `const r = [
    { method: 'GET', path: '/a', name: 'a.list', access: 'admin', consequential: false },
    { method: 'POST', path: '/a', name: 'a.make', access: 'admin', consequential: true, handler },
  ] as const`
  const source = at('packages/authority/src/routes.ts', table)
  test('are listed from the source', () => {
    const { routes, findings } = routesOf([source])
    assert.deepEqual(
      routes.map(({ name }) => name),
      ['a.list', 'a.make'],
    )
    assert.deepEqual(findings, [])
    assert.deepEqual(routesOf([at('packages/authority/src/a.test.ts', table)]).routes, [])
  })
  test('a shared part and a copy are no routes of their own', () => {
    const text = `const read = { method: 'GET', access: 'admin', consequential: false } as const
      const list = [endpoint({ ...read, path: '/b', name: 'b.list' })]
      const copy = ({ method, path, name, access, consequential }) => ({ method, path, name, access, consequential })`
    const { routes, findings } = routesOf([at('packages/authority/src/b.ts', text)])
    assert.deepEqual(
      routes.map(({ name, access }) => [name, access]),
      [['b.list', 'admin']],
    )
    assert.deepEqual(findings, [])
  })
  test('that cannot be listed, or share a name, are refused', () => {
    const hidden = at(
      'packages/authority/src/b.ts',
      'const r = { method, path: base + 1, name: "x", access: "admin", consequential: true }',
    )
    assert.match(words(routesOf([hidden]).findings), /written as a literal/)
    const partial = at(
      'packages/authority/src/b.ts',
      'const r = { path: "/x", name: "a." + verb, access: "admin", consequential: true }',
    )
    assert.match(words(routesOf([partial]).findings), /written as a literal/)
    assert.match(words(routesOf([source, at('packages/gateway/src/r.ts', table)]).findings), /name a.list is used/)
  })
  test('tests say what they cover', () => {
    const tests = at(
      'packages/authority/src/a.test.ts',
      "const all = ['a.list', 'gone'] as const\nrefusedCaller(all, call)\nrefusedCaller('a.make', call)\nrefusedCaller(names(), call)",
    )
    const { covered, findings } = coveredBy('refusedCaller', [tests])
    assert.equal(findings.length, 1)
    const result = uncovered(routesOf([source]).routes, covered)
    assert.deepEqual(result.missing, [])
    assert.match(words(result.findings), /no route gone/)
    assert.deepEqual(uncovered(routesOf([source]).routes, coveredBy('opensIntent', [tests]).covered).missing, [
      'a.list',
      'a.make',
    ])
  })
})

describe('ratchets', () => {
  const judge = (present: string[], listed: string[], earlier: string[][] = []): string =>
    words(judgeRatchet({ name: 'x', shrink: 'Do this.', present, listed, earlier }))
  test('a new entry, a stale one, one slipped in', () => {
    assert.match(judge(['a'], []), /new: a\. Do this\./)
    assert.match(judge([], ['a']), /stale: a/)
    assert.match(judge(['a', 'b'], ['a', 'b'], [['a']]), /added: b\. The list may only shrink\. Do this\./)
    assert.match(judge(['a'], ['a'], [['a'], []]), /added: a/)
  })
  test('the same list, and a shorter one, pass', () => {
    assert.equal(
      judge(
        ['a'],
        ['a'],
        [
          ['a', 'b'],
          ['a', 'b', 'c'],
        ],
      ),
      '',
    )
    assert.equal(judge(['a'], ['a'], []), '')
  })
})

describe('documents', () => {
  const code = 'export const f = () => {\n  return 1\n}\n\nexport const g = 2\n'
  const page = (shown: string) => [
    { path: 'docs/a.md', text: `x\n<!-- include: src/f.ts f -->\n\`\`\`ts\n${shown}\`\`\`\n<!-- /include -->\n` },
  ]
  const read = (path: string) => (path === 'src/f.ts' ? code : undefined)

  it('an include that shows old code is found, and filling it mends it', () => {
    assert.equal(checkIncludes(page('old\n'), read).length, 1)
    const filled = fillIncludes(page('old\n')[0]?.text ?? '', read)
    assert.deepEqual(checkIncludes([{ path: 'docs/a.md', text: filled }], read), [])
    assert.match(filled, /return 1/)
    assert.doesNotMatch(filled, /const g/)
  })

  it('an include of what is not there is found', () => {
    assert.equal(checkIncludes(page(''), () => undefined).length, 1)
  })

  it('dead links are found, living ones and foreign ones are not', () => {
    const text = '[a](b.md) [c](../README.md#x) [d](https://example.org) [e](#here) [f](gone.md)'
    const exists = (path: string) => path === 'docs/b.md' || path === 'README.md'
    assert.deepEqual(
      checkLinks([{ path: 'docs/a.md', text }], exists).map(({ what }) => what),
      ['links to gone.md, which is not there'],
    )
  })
})
