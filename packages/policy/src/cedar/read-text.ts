/** Texts through cedar-wasm's parser and strict validator. Runs where a trap can be survived. */
import {
  type DetailedError,
  policyToJson,
  schemaToJson,
  type TemplateLink,
  templateToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs'
import { tokenize } from '../text/lexer.ts'
import { jsonWithDigits, markBigLiterals } from './big-literals.ts'
import type { CedarProblem, ReadAnswer, ReadJob } from './messages.ts'

interface Found {
  json: string | undefined
  errors: CedarProblem[]
  warnings: CedarProblem[]
}

const problem = (error: DetailedError): CedarProblem => ({
  message: error.message,
  help: error.help,
  label: error.sourceLocations?.[0]?.label ?? null,
  start: error.sourceLocations?.[0]?.start ?? 0,
  starts: (error.sourceLocations ?? []).map(({ start }) => start),
})

export const isTemplate = (text: string): boolean =>
  tokenize(text).some(({ kind, text: mark }) => kind === 'symbol' && mark === '?')

export const parseText = (text: string): Found => {
  const toJson = isTemplate(text) ? templateToJson : policyToJson
  const answer = toJson(text)
  if (answer.type !== 'success') return { json: undefined, errors: answer.errors.map(problem), warnings: [] }
  const marked = markBigLiterals(text)
  if (marked === undefined) return { json: JSON.stringify(answer.json), errors: [], warnings: [] }
  const again = toJson(marked.text)
  if (again.type !== 'success') throw new Error('a policy parses, and does not with other numbers in it')
  return { json: jsonWithDigits(again.json, marked.digits), errors: [], warnings: [] }
}

type Links = NonNullable<ReadJob['links']>

const linkId = (index: number): string => `link ${index}`

const linksOf = (links: Links, found: readonly Found[]): TemplateLink[] =>
  links.flatMap(({ template, values }, index) =>
    found[template]?.json === undefined
      ? []
      : [{ templateId: String(template), newId: linkId(index), values: { ...values } as TemplateLink['values'] }],
  )

/** What the validator says of everything that parses; undefined when it does not take the set. */
const validateAll = (job: ReadJob, found: readonly Found[]) => {
  const staticPolicies: Record<string, string> = {}
  const templates: Record<string, string> = {}
  for (const [index, text] of job.policies.entries()) {
    if (found[index]?.json !== undefined) (isTemplate(text) ? templates : staticPolicies)[index] = text
  }
  const templateLinks = linksOf(job.links ?? [], found)
  return validate({
    schema: job.schema,
    policies: { staticPolicies, templates, templateLinks },
    validationSettings: { mode: 'strict' },
  })
}

export const readTexts = (job: ReadJob): ReadAnswer => {
  const schema = schemaToJson(job.schema)
  const found = job.policies.map(parseText)
  const links: Found[] = (job.links ?? []).map(() => ({ json: undefined, errors: [], warnings: [] }))
  const withLinks =
    job.links === undefined ? {} : { links: links.map(({ errors, warnings }) => ({ errors, warnings })) }
  if (schema.type === 'failure') {
    return { schema: undefined, schemaProblems: schema.errors.map(problem), policies: found, ...withLinks }
  }
  const answer = validateAll(job, found)
  if (answer.type === 'failure') {
    return { schema: undefined, schemaProblems: answer.errors.map(problem), policies: found, ...withLinks }
  }
  const at = (id: string): Found | undefined =>
    id.startsWith('link ') ? links[Number(id.slice(5))] : found[Number(id)]
  for (const { policyId, error } of answer.validationErrors) at(policyId)?.errors.push(problem(error))
  for (const { policyId, error } of answer.validationWarnings) at(policyId)?.warnings.push(problem(error))
  return { schema: JSON.stringify(schema.json), schemaProblems: [], policies: found, ...withLinks }
}
