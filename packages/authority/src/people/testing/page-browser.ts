/** A person with a browser, for tests and scenarios: keeps cookies, reads forms, goes through the public pages. */
import type { CreationOptions, RequestOptions, SoftwareAuthenticator } from './software-authenticator.ts'

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly location: string | undefined
}

export interface PageBrowser {
  readonly cookies: ReadonlyMap<string, string>
  get(path: string): Promise<Answer>
  postForm(
    path: string,
    fields: readonly (readonly [string, string])[],
    headers?: Record<string, string>,
  ): Promise<Answer>
  postJson(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  /** Follows redirects as long as they stay at the issuer; answers the page, or the first address elsewhere. */
  follow(path: string): Promise<Answer>
  /** Through the setup or invitation page. */
  enrol(link: string, name: string): Promise<string>
  signIn(returnTo?: string): Promise<string>
  /**
   * Opens an authorization request, signs in if asked to, and answers the consent page.
   * Answers the address at the client that the browser is sent to.
   */
  authorize(url: string, choice?: ConsentChoice): Promise<URL>
}

export interface ConsentChoice {
  readonly deny?: boolean
  /** Default: all that are offered. */
  readonly tools?: readonly string[]
  readonly duration?: '1h' | '8h' | '7d' | '30d'
}

export interface BrowserOptions {
  readonly issuer: string
  readonly fetch: FetchLike
  readonly authenticator: SoftwareAuthenticator
}

interface Cookie {
  readonly value: string
  readonly path: string
}

const decoded = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39|#96);/g, (_all, name: string) => {
    const known: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' }
    return known[name] ?? ''
  })

/** Values of the inputs of a page by name, in order. */
export const inputsOf = (page: string): [string, string][] =>
  [...page.matchAll(/<input\b[^>]*>/g)].flatMap(([input]) => {
    const name = /\bname="([^"]*)"/.exec(input)?.[1]
    return name === undefined ? [] : [[name, decoded(/\bvalue="([^"]*)"/.exec(input)?.[1] ?? '')] as [string, string]]
  })

const inputOf = (page: string, name: string): string => {
  const found = inputsOf(page).find(([one]) => one === name)
  if (found === undefined) throw new Error(`The page has no input "${name}": ${page.slice(0, 2000)}`)
  return found[1]
}

class Jar {
  readonly all = new Map<string, Cookie>()

  keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(/;\s*/)
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? '/'
      const over =
        value === '' || attributes.some((one) => /^max-age=0$/i.test(one) || /^expires=Thu, 01 Jan 1970/i.test(one))
      if (over) this.all.delete(`${name} ${path}`)
      else this.all.set(`${name} ${path}`, { value, path })
    }
  }

  header(path: string): string {
    return [...this.all]
      .filter(
        ([, cookie]) =>
          path === cookie.path || path.startsWith(cookie.path.endsWith('/') ? cookie.path : `${cookie.path}/`),
      )
      .map(([key, cookie]) => `${key.split(' ')[0]}=${cookie.value}`)
      .join('; ')
  }
}

const transport = (options: BrowserOptions, jar: Jar) => {
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const url = new URL(path, options.issuer)
    const cookie = jar.header(url.pathname)
    const headers = { ...(cookie === '' ? {} : { cookie }), ...(init.headers as Record<string, string> | undefined) }
    const answer = await options.fetch(url.href, { ...init, headers, redirect: 'manual' })
    jar.keep(answer.headers.getSetCookie())
    const location = answer.headers.get('location') ?? undefined
    return { status: answer.status, headers: answer.headers, text: await answer.text(), location }
  }
  const post = (path: string, type: string, body: string, headers: Record<string, string>) =>
    send(path, { method: 'POST', body, headers: { origin: options.issuer, 'content-type': type, ...headers } })
  return {
    get: (path: string) => send(path, { method: 'GET' }),
    postForm: (path: string, fields: readonly (readonly [string, string])[], headers: Record<string, string> = {}) =>
      post(
        path,
        'application/x-www-form-urlencoded',
        new URLSearchParams(fields.map(([a, b]) => [a, b])).toString(),
        headers,
      ),
    postJson: (path: string, body: unknown, headers: Record<string, string> = {}) =>
      post(path, 'application/json', JSON.stringify(body), headers),
  }
}

const parsed = <T>(answer: Answer): T => {
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text.slice(0, 500)}`)
  return JSON.parse(answer.text) as T
}

export const createPageBrowser = (options: BrowserOptions): PageBrowser => {
  const { issuer, authenticator } = options
  const jar = new Jar()
  const http = transport(options, jar)

  const followFrom = async (first: Answer): Promise<Answer> => {
    let answer = first
    for (let hop = 0; hop < 10 && answer.location !== undefined; hop += 1) {
      const next = new URL(answer.location, issuer)
      if (next.origin !== issuer) return answer
      answer = await http.get(next.pathname + next.search)
    }
    return answer
  }

  const enrol = async (link: string, name: string): Promise<string> => {
    const url = new URL(link)
    const token = url.hash.slice(1)
    await http.get(url.pathname)
    const begun = parsed<{ person: string; publicKey: CreationOptions }>(
      await http.postJson('/setup/passkey/options', { token, name }),
    )
    const response = authenticator.create(begun.publicKey, issuer)
    parsed(await http.postJson('/setup/passkey', { token, name, person: begun.person, response }))
    return begun.person
  }

  const signIn = async (returnTo = '/account'): Promise<string> => {
    const challenge = parsed<RequestOptions>(await http.postJson('/signin/passkey/options', {}))
    const response = authenticator.get(challenge, issuer)
    return parsed<{ next: string }>(await http.postJson('/signin/passkey', { return: returnTo, response })).next
  }

  const answerConsent = async (page: string, choice: ConsentChoice): Promise<Answer> => {
    const verb = choice.deny === true ? 'deny' : 'allow'
    const action = /formaction="([^"]*)\/deny"/.exec(page)?.[1]
    if (action === undefined) throw new Error(`Not a consent page: ${page.slice(0, 2000)}`)
    const tools = choice.tools ?? inputsOf(page).flatMap(([name, value]) => (name === 'tool' ? [value] : []))
    return http.postForm(`${action}/${verb}`, [
      ['csrf', inputOf(page, 'csrf')],
      ['shown', inputOf(page, 'shown')],
      ['duration', choice.duration ?? '1h'],
      ...tools.map((tool): [string, string] => ['tool', tool]),
    ])
  }

  const authorize = async (url: string, choice: ConsentChoice = {}): Promise<URL> => {
    const target = new URL(url)
    let page = await followFrom(await http.get(target.pathname + target.search))
    const wanted = /data-return="([^"]*)"/.exec(page.text)?.[1]
    if (wanted !== undefined) page = await followFrom(await http.get(await signIn(decoded(wanted))))
    if (page.location !== undefined) return new URL(page.location)
    const end = await followFrom(await answerConsent(page.text, choice))
    if (end.location === undefined) throw new Error(`${end.status}: ${end.text.slice(0, 1000)}`)
    return new URL(end.location)
  }

  return {
    get cookies() {
      return new Map([...jar.all].map(([key, { value }]) => [key.split(' ')[0] ?? '', value]))
    },
    ...http,
    follow: async (path) => followFrom(await http.get(path)),
    enrol,
    signIn,
    authorize,
  }
}
