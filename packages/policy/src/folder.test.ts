import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  decodePolicySource,
  diffPolicySets,
  encodePolicySource,
  loadPolicyFolder,
  type WatchReport,
  watchPolicyFolder,
} from './index.ts'

const folder = (t: TestContext, files: Readonly<Record<string, string | Uint8Array>>) => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-policy-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return { dir }
}
const PERMIT = '@id("open") permit (principal, action, resource is Tool);\n'

test('a folder is its policies and its schema, in one order', async (t) => {
  const at = folder(t, {
    'b.cedar': PERMIT,
    'a.cedar': '// none\n',
    'schema.cedarschema': 'entity Fine;',
    'notes.md': 'x',
    '.c.cedar': 'x',
  })
  const source = await loadPolicyFolder(at.dir)
  assert.deepEqual(
    source.files.map(({ name }) => name),
    ['a.cedar', 'b.cedar'],
  )
  assert.equal(source.schema?.text, 'entity Fine;')
  const body = encodePolicySource(source)
  assert.deepEqual(decodePolicySource(body), source)
  for (const wrong of [
    '',
    '{}',
    '[]',
    body.replace('policy-1', 'policy-2'),
    `${body} `,
    body.replace('"a.cedar"', '"z.cedar"'),
  ]) {
    assert.throws(() => decodePolicySource(wrong), { code: 'policy_body_invalid' })
  }
})

test('what is no set of policies is refused: nothing there, nothing in it, not text, not a file', async (t) => {
  await assert.rejects(loadPolicyFolder('/nonexistent/policies'), { code: 'policy_folder_missing' })
  const empty = folder(t, {})
  await assert.rejects(loadPolicyFolder(empty.dir), { code: 'policy_folder_empty' })
  const binary = folder(t, { 'a.cedar': new Uint8Array([0xff, 0xfe]) })
  await assert.rejects(loadPolicyFolder(binary.dir), { code: 'policy_file_invalid' })
  await mkdir(join(empty.dir, 'x.cedar'))
  await assert.rejects(loadPolicyFolder(empty.dir), { code: 'policy_file_invalid' })
})

test('a folder that keeps changing is never read as one state', async (t) => {
  const at = folder(
    t,
    Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`p${index}.cedar`, '// version 0\n'])),
  )
  let version = 0
  let running = true
  const save = async () => {
    while (running) {
      version++
      for (let index = 0; index < 40; index++) {
        writeFileSync(join(at.dir, `p${index}.cedar`), `// version ${version}\n`)
        if (index % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }
  const saving = save()
  for (let tries = 0; tries < 20; tries++) {
    const source = await loadPolicyFolder(at.dir).catch((error: unknown) => error)
    if (source instanceof Error) assert.equal('code' in source && source.code, 'policy_folder_changing')
    else
      assert.equal(
        new Set((source as Awaited<ReturnType<typeof loadPolicyFolder>>).files.map(({ text }) => text)).size,
        1,
      )
  }
  running = false
  await saving
})

test('watching says what would be active, and that it is for trying things out', async (t) => {
  const at = folder(t, { 'a.cedar': PERMIT })
  const reports: WatchReport[] = []
  let arrived: () => void = () => {}
  const next = () =>
    new Promise<void>((resolve) => {
      arrived = resolve
    })
  const first = next()
  const watching = watchPolicyFolder(
    at.dir,
    (report) => {
      reports.push(report)
      arrived()
    },
    { debounceMs: 20 },
  )
  await first
  const second = next()
  writeFileSync(join(at.dir, 'a.cedar'), 'permit (principal, action')
  await second
  watching.close()
  const [good, bad] = reports
  assert.ok(good?.ok === true && good.message.includes(good.snapshot.version) && /trying things out/.test(good.message))
  assert.ok(bad?.ok === false && bad.problems[0]?.line === 1 && /version before stays/.test(bad.message))
})

test('differences are said by id, and layout is none', () => {
  const of = (text: string) => ({ files: [{ name: 'a.cedar', text }] })
  const before = of(
    '@id("a") permit (principal, action, resource);\n@id("b") permit (principal, action, resource);\n@id("c") forbid (principal, action, resource);',
  )
  const after = of(
    '@id("a")\npermit(principal,action,resource); // the same\n@id("b") forbid (principal, action, resource);\n@id("d") permit (principal, action, resource);',
  )
  const diff = diffPolicySets(before, after)
  assert.deepEqual([diff.added, diff.removed, diff.changed], [['d'], ['c'], ['b']])
  assert.deepEqual(diff.sentences, [
    'Adds permit `d`.',
    'Removes forbid `c`.',
    'Changes `b`: it forbids now, where it permitted before.',
  ])
  assert.deepEqual(diffPolicySets(after, after).sentences, ['Changes nothing.'])
  assert.deepEqual(diffPolicySets(undefined, before).added, ['a', 'b', 'c'])
})
