/** The frame of every page for people. Nothing inline, nothing from elsewhere, framed by nobody. */
import { type Random, toBase64url } from '@credence/kit'
import { type CspOptions, type Html, html, pageHeaders } from '@credence/kit/html'
import { type EdgeResponse, replyHtml } from '@credence/kit/http'

export interface Page {
  readonly title: string
  readonly domainName: string
  readonly body: Html
  /** Files under `/assets/` that the page runs. */
  readonly scripts?: readonly string[]
  /** Who is signed in. */
  readonly person?: string | undefined
}

export const render = (page: Page, nonce: string): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · ${page.domainName}</title>
<link rel="stylesheet" href="/assets/credence.css" nonce="${nonce}">
<link rel="icon" href="data:,">
${(page.scripts ?? []).map((script) => html`<script src="/assets/${script}" nonce="${nonce}" defer></script>`)}
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header><span class="mark" aria-hidden="true"></span><span class="domain"><bdi>${page.domainName}</bdi></span>
${page.person === undefined ? '' : html`<span class="who">Signed in as <bdi>${page.person}</bdi></span>`}</header>
<main id="main">${page.body}</main>
<footer><p>Credence</p></footer>
</body>
</html>`

export interface PageReply {
  readonly random: Random
  readonly status?: number
  readonly cookies?: readonly string[]
  readonly csp?: CspOptions
}

/**
 * NOTE: `same-origin` instead of `no-referrer`: with the latter, browsers send `Origin: null` with our own forms, and a
 * form of ours could no longer be told from somebody else's.
 */
export const headersOfPage = (nonce: string, csp: CspOptions = {}): Record<string, string> => ({
  ...pageHeaders({ ...csp, nonce }),
  'referrer-policy': 'same-origin',
  'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
})

export const replyPage = (page: Page, reply: PageReply): EdgeResponse => {
  const nonce = toBase64url(reply.random.bytes(16))
  return replyHtml(render(page, nonce), {
    status: reply.status ?? 200,
    headers: {
      ...headersOfPage(nonce, reply.csp),
      ...(reply.cookies === undefined || reply.cookies.length === 0 ? {} : { 'set-cookie': reply.cookies }),
    },
  })
}
