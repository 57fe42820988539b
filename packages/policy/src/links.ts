/** `links.json`: which templates are in force, for whom and on what. Cedar has templates in its text, and no links. */
import { isCredenceError } from '@credence/kit'
import { type JsonValue, parseStrict } from '@credence/kit/json'
import type { Slots } from './compile/scope.ts'
import { Uid } from './compile/values.ts'
import type { PolicyProblem } from './problem.ts'
import type { PolicyFile } from './source.ts'

export interface LinkDraft {
  readonly id: string
  readonly template: string
  readonly slots: Slots
  /** Position in the file, from 1. */
  readonly number: number
}

const HINT =
  'each link is {"id": "...", "template": "...", "principal": {"type": "...", "id": "..."}, "resource": {...}}, slots as the template has them'

type Json = { readonly [name: string]: JsonValue }
const isObject = (value: JsonValue | undefined): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Only the names given, each once: `parseStrict` has refused repetitions. */
const onlyNames = (value: Json, names: readonly string[]): boolean =>
  Object.keys(value).every((name) => names.includes(name))

const uidOf = (value: JsonValue | undefined): Uid | undefined => {
  if (!isObject(value) || !onlyNames(value, ['type', 'id'])) return undefined
  const { type, id } = value
  return typeof type === 'string' && typeof id === 'string' ? new Uid(type, id) : undefined
}

const linkOf = (value: JsonValue, number: number): LinkDraft | undefined => {
  if (!isObject(value) || !onlyNames(value, ['id', 'template', 'principal', 'resource'])) return undefined
  const { id, template } = value
  const principal = uidOf(value.principal)
  const resource = uidOf(value.resource)
  if (typeof id !== 'string' || typeof template !== 'string') return undefined
  if (value.principal !== undefined && principal === undefined) return undefined
  if (value.resource !== undefined && resource === undefined) return undefined
  const slots: Slots = {
    ...(principal === undefined ? {} : { '?principal': principal }),
    ...(resource === undefined ? {} : { '?resource': resource }),
  }
  return { id, template, slots, number }
}

export const linkProblem = (file: PolicyFile, message: string, hint?: string, policy?: string): PolicyProblem => ({
  code: 'link',
  severity: 'error',
  file: file.name,
  line: 1,
  column: 1,
  message,
  ...(hint === undefined ? {} : { hint }),
  ...(policy === undefined ? {} : { policy }),
})

const MOST_BYTES = 8 * 1024 * 1024

export const draftLinks = (file: PolicyFile | undefined, problems: PolicyProblem[]): LinkDraft[] => {
  if (file === undefined) return []
  let value: JsonValue
  try {
    value = parseStrict(file.text, { maxBytes: MOST_BYTES, maxKeys: 400_000 })
  } catch (error) {
    const message = isCredenceError(error) ? error.message : 'it is not JSON'
    problems.push(linkProblem(file, `The links cannot be read: ${message}`, HINT))
    return []
  }
  if (!Array.isArray(value)) {
    problems.push(linkProblem(file, 'The links are not a list.', HINT))
    return []
  }
  return value.flatMap((one: JsonValue, index) => {
    const link = linkOf(one, index + 1)
    if (link === undefined) problems.push(linkProblem(file, `Link ${index + 1} has not the form of a link.`, HINT))
    return link === undefined ? [] : [link]
  })
}
