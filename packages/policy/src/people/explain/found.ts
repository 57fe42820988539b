/** What an expression read, and what was found there. */
import type { CedarQuestion } from '../../compile/entities.ts'
import { EvaluationFailure } from '../../compile/errors.ts'
import { compileExpression } from '../../compile/expression.ts'
import { CedarDatetime } from '../../compile/extensions/datetime.ts'
import { CedarRecord, CedarSet, type CedarValue, Uid } from '../../compile/values.ts'
import { readsUnknown, type Unknowns } from './truth.ts'

export interface Found {
  /** `context.proof`. */
  readonly expression: string
  /** As Cedar would write it, or what is missing. */
  readonly value: string
}

const LONGEST = 160
const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)

export const uidText = ({ type, id }: Pick<Uid, 'type' | 'id'>): string => `${type}::${JSON.stringify(id)}`

/** `Type"id`, the key of an entity, as Cedar writes it. */
const keyText = (key: string): string => {
  const at = key.indexOf('"')
  return uidText({ type: key.slice(0, at), id: key.slice(at + 1) })
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Years beyond four digits have no text in Cedar. */
const timeText = ({ ms }: CedarDatetime): string => {
  const iso = typeof ms === 'number' && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms)
  return `datetime(${JSON.stringify(iso)})`
}

export const valueText = (value: CedarValue): string => {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object') return String(value)
  if (value instanceof Uid) return uidText(value)
  if (value instanceof CedarSet) return `[${value.items.map(valueText).join(', ')}]`
  if (value instanceof CedarRecord) {
    return `{${value
      .entries()
      .map(([name, inner]) => `${NAME.test(name) ? name : JSON.stringify(name)}: ${valueText(inner)}`)
      .join(', ')}}`
  }
  return value instanceof CedarDatetime ? timeText(value) : `${value.type}(${value.key})`
}

/** An entity with what it is in, since that is what `in` asks. */
export const entityText = (uid: Uid, question: CedarQuestion): string => {
  const above = [...(question.entity(uid)?.ancestors ?? [])].map(keyText)
  return above.length === 0 ? uidText(uid) : `${uidText(uid)} in [${above.join(', ')}]`
}

type Json = { readonly [name: string]: unknown }
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null

/** `principal`, `context.arguments.amount`; undefined: not a variable with names behind it. */
const pathText = (json: unknown): string | undefined => {
  if (!isJson(json)) return undefined
  if (typeof json.Var === 'string') return json.Var
  const body = json['.']
  if (!isJson(body)) return undefined
  const left = pathText(body.left)
  const name = String(body.attr)
  return left === undefined ? undefined : NAME.test(name) ? `${left}.${name}` : `${left}[${JSON.stringify(name)}]`
}

const namesText = (value: CedarValue, question: CedarQuestion): string => {
  const record = value instanceof Uid ? question.entity(value)?.attrs : value
  const names = record instanceof CedarRecord ? record.shape.names : []
  return names.length === 0 ? 'has nothing' : `has ${names.join(', ')}`
}

const valueAt = (json: unknown, question: CedarQuestion, names: boolean): string => {
  try {
    const value = compileExpression(json).run(question)
    if (names) return cut(namesText(value, question))
    return cut(value instanceof Uid ? entityText(value, question) : valueText(value))
  } catch (error) {
    if (error instanceof EvaluationFailure) return 'is not there'
    throw error
  }
}

const collect = (json: unknown, question: CedarQuestion, unknowns: Unknowns, found: Map<string, string>): void => {
  if (!isJson(json)) return
  const path = pathText(json)
  if (path !== undefined) {
    found.set(path, readsUnknown(json, unknowns) ? 'was not recorded' : valueAt(json, question, false))
    return
  }
  const has = json.has
  const owner = isJson(has) ? pathText(has.left) : undefined
  if (isJson(has) && owner !== undefined) {
    found.set(owner, readsUnknown(json, unknowns) ? 'was not recorded' : valueAt(has.left, question, true))
    return
  }
  for (const inner of Object.values(json)) collect(inner, question, unknowns, found)
}

/** Every path that the expression reads, once. */
export const foundIn = (json: unknown, question: CedarQuestion, unknowns: Unknowns): readonly Found[] => {
  const found = new Map<string, string>()
  collect(json, question, unknowns, found)
  return [...found].map(([expression, value]) => ({ expression, value }))
}
