/** Is this request really from one of our own pages, in the browser that it was made for? */
import { type Random, refused, toBase64url } from '@credence/kit'
import type { EdgeRequest } from '@credence/kit/http'
import { readCookie, setCookie } from './cookies.ts'
import { type FrontSecrets, isKeyedHash, keyedHash } from './tokens.ts'

export interface BrowserDeps extends FrontSecrets {
  readonly issuer: string
  readonly random: Random
}

const foreign = () =>
  refused('request_from_elsewhere', 'This form was not sent from our own page. Please open the page again.', {
    status: 403,
  })

/** A browser sends Origin with every POST; one that does not is not one of our pages. */
export const refuseForeignOrigin = (deps: BrowserDeps, request: EdgeRequest): void => {
  if (request.headers.get('origin') !== deps.issuer) throw foreign()
  const site = request.headers.get('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin') throw foreign()
}

export interface Browser {
  readonly id: string
  /** Present when the browser has no identifier yet and must be given this one. */
  readonly setCookie: readonly string[]
}

const DAY_SECONDS = 86_400

/** A random value that ties forms, challenges and sign-ins to one browser. It says nothing about who uses it. */
export const browserOf = (deps: BrowserDeps, request: EdgeRequest): Browser => {
  const known = readCookie(deps, request.headers, 'browser')
  if (known !== undefined && known.length === 43) return { id: known, setCookie: [] }
  const id = toBase64url(deps.random.bytes(32))
  return { id, setCookie: [setCookie(deps, 'browser', id, DAY_SECONDS)] }
}

/** Bound to the browser, to who is signed in, and to what the form is for. */
export const csrfToken = (deps: BrowserDeps, browser: Browser, session: string, about: string): string =>
  keyedHash(deps, 'csrf', browser.id, session, about)

export const checkCsrf = (
  deps: BrowserDeps,
  request: EdgeRequest,
  presented: string | undefined,
  session: string,
  about: string,
): void => {
  refuseForeignOrigin(deps, request)
  const id = readCookie(deps, request.headers, 'browser')
  if (id === undefined || presented === undefined) throw foreign()
  if (!isKeyedHash(deps, 'csrf', presented, id, session, about)) throw foreign()
}

const RETURN = /^\/(?:account|interaction\/[A-Za-z0-9_-]{20,64})$/

/** Where to go after a sign-in: places of our own, by pattern, and nothing else (no open redirect). */
export const safeReturn = (wanted: string | undefined): string =>
  wanted !== undefined && RETURN.test(wanted) ? wanted : '/account'
