import { type Html, html } from '@credence/kit/html'
import type { UpstreamProvider } from '../people/upstream.ts'
import { theirs } from './text.ts'

export interface SignInView {
  readonly returnTo: string
  readonly upstreams: readonly UpstreamProvider[]
  /** Present when an authorization waits for the sign-in. */
  readonly waiting: boolean
}

const elsewhere = (view: SignInView): Html[] =>
  view.upstreams.map(
    (one) =>
      html`<a class="button" href="/signin/upstream/${one.id}?return=${encodeURIComponent(view.returnTo)}">Continue with ${theirs(one.name, 40)}</a>`,
  )

export const signInPage = (view: SignInView): Html => html`
<h1>Sign in</h1>
${view.waiting ? html`<p>An agent asks to act for you. Sign in first; then you see exactly what it wants, and decide.</p>` : ''}
<form id="sign-in" data-return="${view.returnTo}">
<div class="buttons"><button class="primary" type="submit">Sign in with a passkey</button>${elsewhere(view)}</div>
<p id="status" role="status" aria-live="polite"></p>
</form>
<noscript><p class="note">Passkeys need JavaScript: the browser offers them only to scripts.</p></noscript>
<p class="soft">No passkey yet? Ask an owner of this domain for an invitation.</p>`
