/** Our own cookies: one for who is signed in, one that ties a form or a challenge to the browser it was made for. */
import type { EdgeHeaders } from '@credence/kit/http'

export interface CookieDeps {
  readonly issuer: string
}

export type CookieName = 'session' | 'browser' | 'upstream'

const isSecure = (issuer: string): boolean => issuer.startsWith('https:')

/** `__Host-` binds a cookie to exactly this host, path `/` and https; a sub-domain cannot set it (no fixation). */
const fullName = (issuer: string, name: CookieName): string =>
  isSecure(issuer) ? `__Host-credence-${name}` : `credence-${name}`

export const setCookie = (deps: CookieDeps, name: CookieName, value: string, seconds: number): string =>
  [
    `${fullName(deps.issuer, name)}=${value}`,
    'Path=/',
    'HttpOnly',
    'SameSite=Lax',
    `Max-Age=${seconds}`,
    ...(isSecure(deps.issuer) ? ['Secure'] : []),
  ].join('; ')

export const clearCookie = (deps: CookieDeps, name: CookieName): string => setCookie(deps, name, '', 0)

const VALUE = /^[A-Za-z0-9_-]{1,4096}$/

export const cookieFrom = (deps: CookieDeps, header: string | undefined, name: CookieName): string | undefined => {
  const wanted = `${fullName(deps.issuer, name)}=`
  const found = (header ?? '').split(/;\s*/).filter((one) => one.startsWith(wanted))
  // INVARIANT: two cookies of one name are none; somebody planted one of them.
  if (found.length !== 1) return undefined
  const value = (found[0] ?? '').slice(wanted.length)
  return VALUE.test(value) ? value : undefined
}

export const readCookie = (deps: CookieDeps, headers: EdgeHeaders, name: CookieName): string | undefined =>
  cookieFrom(deps, headers.get('cookie'), name)
