/** Pages: whatever is put into a template is escaped. */
import { bug } from './errors.ts'

/** Text that is already HTML. Only `html` and `trustedHtml` make it. */
export class Html {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  toString(): string {
    return this.#text
  }
}

export type HtmlPart = Html | string | number | boolean | null | undefined | readonly HtmlPart[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

export const escapeHtml = (text: string): string => text.replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '')

const render = (part: HtmlPart): string => {
  if (part instanceof Html) return part.toString()
  if (part === null || part === undefined || part === false || part === true) return ''
  if (Array.isArray(part)) return part.map(render).join('')
  if (typeof part === 'object') throw bug('html_part', 'an object is not a part of a page')
  return escapeHtml(String(part))
}

/** html`<p>${text}</p>`: whatever is put in is escaped, unless it is Html itself. Attributes must be quoted. */
export const html = (strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html =>
  new Html(strings.reduce((text, piece, at) => text + render(parts[at - 1]) + piece))

/** For constants of our own (a style sheet, an icon). NOTE: never for anything that came from outside. */
export const trustedHtml = (text: string): Html => new Html(text)

export interface CspOptions {
  /** CSP of inline `<script>`/`<style>` by nonce: `base64url` random of 16 bytes, new for each answer. */
  readonly nonce?: string
  /** Origins that forms may be sent to, besides our own (a redirect after POST counts). */
  readonly formAction?: readonly string[]
  /** Origins of `fetch` in our scripts. */
  readonly connect?: readonly string[]
  readonly images?: readonly string[]
}

/** Content-Security-Policy and companions for a page: nothing is loaded, nobody frames it, unless said otherwise. */
export const pageHeaders = (options: CspOptions = {}): Record<string, string> => {
  const nonce = options.nonce === undefined ? "'none'" : `'nonce-${options.nonce}'`
  const sources = [...(options.formAction ?? []), ...(options.connect ?? []), ...(options.images ?? []), nonce]
  for (const source of sources) if (/[\s;,]/.test(source)) throw bug('csp_source', `not a source: ${source}`)
  const policy = [
    "default-src 'none'",
    `script-src ${nonce}`,
    `style-src ${nonce}`,
    `img-src ${["'self'", 'data:', ...(options.images ?? [])].join(' ')}`,
    `connect-src ${["'self'", ...(options.connect ?? [])].join(' ')}`,
    `form-action ${["'self'", ...(options.formAction ?? [])].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]
  return {
    'content-security-policy': policy.join('; '),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
  }
}
