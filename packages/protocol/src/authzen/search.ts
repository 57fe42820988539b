/** Subject, Resource and Action Search: what would be permitted, a page at a time. */
import { z } from 'zod'
import {
  Action,
  bodyOf,
  Context,
  type Members,
  malformed,
  optionalObject,
  Resource,
  readAction,
  readEntity,
  readSearched,
  Searched,
  Subject,
} from './entity.ts'
import type { EvaluationRequest } from './evaluation.ts'

export const PAGE_LIMIT = 1000
const TOKEN_LIMIT = 8192

export const Page = z.object({
  token: z.string().max(TOKEN_LIMIT).optional(),
  limit: z.int().min(1).optional(),
})

export const SubjectSearchBody = z.object({
  subject: Searched,
  action: Action,
  resource: Resource,
  context: Context.optional(),
  page: Page.optional(),
})
export const ResourceSearchBody = z.object({
  subject: Subject,
  action: Action,
  resource: Searched,
  context: Context.optional(),
  page: Page.optional(),
})
export const ActionSearchBody = z.object({
  subject: Subject,
  resource: Resource,
  context: Context.optional(),
  page: Page.optional(),
})

const PageAnswer = z.object({ next_token: z.string(), count: z.int().optional() })
/** Obligations of one result (AuthZEN Profile for Obligations, draft 1). */
const ResultContext = z.looseObject({}).optional()

export const EntitySearchResponse = z.object({
  results: z.array(z.object({ type: z.string(), id: z.string(), context: ResultContext })),
  page: PageAnswer.optional(),
})
export const ActionSearchResponse = z.object({
  results: z.array(z.object({ name: z.string(), context: ResultContext })),
  page: PageAnswer.optional(),
})

export type SearchKind = 'subject' | 'resource' | 'action'

export interface PageRequest {
  readonly token?: string
  readonly limit?: number
}

export interface SearchRequest {
  readonly kind: SearchKind
  /** Of the searched entity, as far as it is known: its type; of an action nothing. */
  readonly type: string | undefined
  /** Everything but the page and the searched entity's id: what must stay the same from page to page. */
  readonly asked: {
    readonly subject: EvaluationRequest['subject'] | Searched
    readonly action?: EvaluationRequest['action']
    readonly resource: EvaluationRequest['resource'] | Searched
    readonly context?: Members
  }
  /** The question about one candidate. */
  of(candidate: string): EvaluationRequest
  /** Absent: the request had none. */
  readonly page: PageRequest | undefined
}

const readLimit = (value: unknown): number | undefined => {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
    throw malformed('page.limit must be a whole number above 0.')
  return Math.min(value, PAGE_LIMIT)
}

const readPage = (value: unknown): PageRequest | undefined => {
  const given = optionalObject(value, 'page')
  if (given === undefined) return undefined
  const limit = readLimit(given.limit)
  const { token } = given
  if (token !== undefined && (typeof token !== 'string' || token.length > TOKEN_LIMIT))
    throw malformed('page.token must be a token of an earlier answer.')
  return { ...(token === undefined ? {} : { token }), ...(limit === undefined ? {} : { limit }) }
}

const contextOf = (given: Members): { readonly context?: Members } => {
  const context = optionalObject(given.context, 'context')
  return context === undefined ? {} : { context }
}

const subjectSearch = (given: Members): Omit<SearchRequest, 'page'> => {
  const subject = readSearched(given.subject, 'subject')
  const fixed = {
    action: readAction(given.action),
    resource: readEntity(given.resource, 'resource'),
    ...contextOf(given),
  }
  return {
    kind: 'subject',
    type: subject.type,
    asked: { subject, ...fixed },
    of: (id) => ({ subject: { type: subject.type, id }, ...fixed }),
  }
}

const resourceSearch = (given: Members): Omit<SearchRequest, 'page'> => {
  const resource = readSearched(given.resource, 'resource')
  const fixed = { subject: readEntity(given.subject, 'subject'), action: readAction(given.action), ...contextOf(given) }
  return {
    kind: 'resource',
    type: resource.type,
    asked: { resource, ...fixed },
    of: (id) => ({ resource: { type: resource.type, id }, ...fixed }),
  }
}

const actionSearch = (given: Members): Omit<SearchRequest, 'page'> => {
  const fixed = {
    subject: readEntity(given.subject, 'subject'),
    resource: readEntity(given.resource, 'resource'),
    ...contextOf(given),
  }
  return { kind: 'action', type: undefined, asked: fixed, of: (name) => ({ action: { name }, ...fixed }) }
}

const READ = { subject: subjectSearch, resource: resourceSearch, action: actionSearch } as const

export const parseSearchRequest = (kind: SearchKind, body: unknown): SearchRequest => {
  const given = bodyOf(body)
  return { ...READ[kind](given), page: readPage(given.page) }
}
