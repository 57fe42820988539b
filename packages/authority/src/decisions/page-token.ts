/**
 * Tokens between the pages of a search: sealed, so that nobody reads or makes one, and bound to everything that the
 * first request asked.
 *
 * > When a request contains a token, all entities and pagination parameters MUST be identical to the preceding request.
 */
import { hash } from 'node:crypto'
import { fromBase64url, refused, toBase64url } from '@credence/kit'
import { canonicalizeDefined } from '@credence/kit/json'
import type { SearchRequest } from '@credence/protocol/authzen'
import { z } from 'zod'
import type { Sealer } from '../keys/seal.ts'

/** Where the next page begins, and the limit of the first request. */
const Place = z.strictObject({ after: z.string(), limit: z.int().nullable() })

export interface PlaceInSearch {
  readonly after: string | undefined
  readonly limit: number | undefined
}

export interface PageTokens {
  /** What a request continues. Throws `refused` with status 400 for a token that is not for it. */
  open(point: string, search: SearchRequest): PlaceInSearch
  make(point: string, search: SearchRequest, after: string, limit: number | undefined): string
}

const purpose = (point: string, { kind, asked }: SearchRequest): string =>
  `page:${hash('sha256', canonicalizeDefined([point, kind, asked]), 'base64url')}`

const wrong = () =>
  refused('page_token_invalid', 'The page token does not belong to this request: it must be the same on every page.', {
    status: 400,
  })

const unsealed = (token: string, sealer: Sealer, domain: string, id: string): z.infer<typeof Place> => {
  try {
    return Place.parse(JSON.parse(Buffer.from(sealer.open(fromBase64url(token), domain, id)).toString('utf8')))
  } catch {
    throw wrong()
  }
}

export const createPageTokens = (sealer: Sealer, domain: string): PageTokens => ({
  open: (point, search) => {
    const { token, limit } = search.page ?? {}
    if (token === undefined) return { after: undefined, limit }
    const place = unsealed(token, sealer, domain, purpose(point, search))
    // NOTE: a page that says no limit continues with the first one's.
    if (limit !== undefined && limit !== place.limit) throw wrong()
    return { after: place.after, limit: place.limit ?? undefined }
  },
  make: (point, search, after, limit) => {
    const place = Buffer.from(JSON.stringify({ after, limit: limit ?? null }))
    return toBase64url(sealer.seal(place, domain, purpose(point, search)))
  },
})
