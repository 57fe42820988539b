/** The tables of docs/policy.md say exactly what the schema declares. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { schemaToJson } from '@cedar-policy/cedar-wasm/nodejs'
import { builtInSchema } from '../builtin.ts'
import { checkPolicies } from '../check.ts'

const page = readFileSync(new URL('../../../../docs/policy.md', import.meta.url), 'utf8')

/** Rows of the tables of one section, without heads. */
const rowsOf = (section: string): string[][] => {
  const [, rest = ''] = page.split(`\n## ${section}\n`)
  return rest
    .slice(0, rest.indexOf('\n## '))
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s|-]*-/.test(line))
    .slice(1)
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
}

const marked = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name).sort()

interface Attributes {
  readonly [name: string]: { readonly required?: boolean }
}

const namesOf = (attributes: Attributes = {}): string[] =>
  Object.entries(attributes)
    .map(([name, { required }]) => (required === false ? `${name}?` : name))
    .sort()

const answer = schemaToJson(`${builtInSchema}\ntype Arguments = {};`)
assert.equal(answer.type, 'success')
const schema = (answer.type === 'success' ? answer.json[''] : undefined) as unknown as {
  readonly entityTypes: {
    readonly [type: string]: { readonly memberOfTypes?: string[]; readonly shape?: { readonly attributes: Attributes } }
  }
  readonly commonTypes: { readonly [name: string]: { readonly attributes: Attributes } }
}

test('every type of entity with its attributes and what it is in', () => {
  const documented = rowsOf('Entities').map(([type, , attributes, within]) => [
    marked(type)[0],
    marked(attributes),
    marked(within),
  ])
  const declared = Object.entries(schema.entityTypes).map(([type, { memberOfTypes = [], shape }]) => [
    type,
    namesOf(shape?.attributes),
    [...memberOfTypes].sort(),
  ])
  assert.deepEqual(documented.sort(), declared.sort())
})

test('every name of the context', () => {
  const { CallContext, AuthorityContext } = schema.commonTypes
  const declared = new Set([...namesOf(CallContext?.attributes), ...namesOf(AuthorityContext?.attributes)])
  assert.deepEqual(
    rowsOf('Context')
      .flatMap(([name]) => marked(name))
      .sort(),
    [...declared].sort(),
  )
})

test('the policies on the page are valid', async () => {
  const texts = [...page.matchAll(/```cedar\n([\s\S]*?)```/g)].map(([, text = '']) => text)
  assert.ok(texts.length >= 2)
  for (const text of texts) {
    const { problems } = await checkPolicies({ files: [{ name: 'page.cedar', text }] })
    assert.deepEqual(problems, [], text)
  }
})
