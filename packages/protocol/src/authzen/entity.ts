/** AuthZEN Authorization API 1.0: subject, resource, action, context. Unknown members are ignored, as it wants. */
import { type CredenceError, refused } from '@credence/kit'
import { z } from 'zod'

export const TEXT_LIMIT = 2048

const Text = z.string().min(1).max(TEXT_LIMIT)
const Properties = z.record(z.string(), z.unknown())

export const Subject = z.object({ type: Text, id: Text, properties: Properties.optional() })
export type Subject = z.infer<typeof Subject>
export const Resource = z.object({ type: Text, id: Text, properties: Properties.optional() })
export type Resource = z.infer<typeof Resource>
export const Action = z.object({ name: Text, properties: Properties.optional() })
export type Action = z.infer<typeof Action>
export const Context = Properties

/** Of a search: the entity that is looked for. Its `id` is not read at all. */
export const Searched = z.object({ type: Text })
export type Searched = z.infer<typeof Searched>

export type Members = Record<string, unknown>

/** Authorization API 1.0, error responses: 400 with a message string. A refusal by policy is never an error. */
export const malformed = (message: string): CredenceError =>
  refused('authzen_request_malformed', message, { status: 400, standard: 'invalid_request' })

export const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const bodyOf = (body: unknown): Members => {
  if (!isObject(body)) throw malformed('The request must be a JSON object.')
  return body
}

/*
 * NOTE: the schemas above describe; these functions read. They are on the path of every decision, many times in a
 * batch, and a test compares the two.
 */

const objectAt = (value: unknown, where: string): Members => {
  if (value === undefined) throw malformed(`${where} is missing.`)
  if (!isObject(value)) throw malformed(`${where} must be an object.`)
  return value
}

const textAt = (value: unknown, where: string): string => {
  if (typeof value !== 'string') throw malformed(`${where} ${value === undefined ? 'is missing' : 'must be a string'}.`)
  if (value.length === 0 || value.length > TEXT_LIMIT)
    throw malformed(`${where} must have 1 to ${TEXT_LIMIT} characters.`)
  return value
}

/** Absent, or an object. */
export const optionalObject = (value: unknown, where: string): Members | undefined =>
  value === undefined ? undefined : objectAt(value, where)

export const readEntity = (value: unknown, where: 'subject' | 'resource'): Subject => {
  const given = objectAt(value, where)
  const type = textAt(given.type, `${where}.type`)
  const id = textAt(given.id, `${where}.id`)
  const properties = optionalObject(given.properties, `${where}.properties`)
  return properties === undefined ? { type, id } : { type, id, properties }
}

export const readAction = (value: unknown): Action => {
  const given = objectAt(value, 'action')
  const name = textAt(given.name, 'action.name')
  const properties = optionalObject(given.properties, 'action.properties')
  return properties === undefined ? { name } : { name, properties }
}

/**
 * > The `id` SHOULD be omitted, and if present MUST be ignored. (sections on subject and resource search)
 * What the request says about an entity that is not known yet is left out as well: it would be said of every candidate.
 */
export const readSearched = (value: unknown, where: 'subject' | 'resource'): Searched => ({
  type: textAt(objectAt(value, where).type, `${where}.type`),
})
