import { type Html, html } from '@credence/kit/html'
import type { UpstreamProvider } from '../people/upstream.ts'
import { theirs } from './text.ts'

export interface SetupView {
  readonly domainName: string
  readonly upstreams: readonly UpstreamProvider[]
  readonly csrf: string
  /** The issuer's host is an address: browsers offer passkeys to names only. */
  readonly hostIsAddress: boolean
}

const elsewhere = (view: SetupView): Html[] =>
  view.upstreams.map(
    (one) => html`<button type="submit" name="upstream" value="${one.id}">Use ${theirs(one.name, 40)} instead</button>`,
  )

/** Shows nothing that depends on the link: only a POST looks at it. */
export const setupPage = (view: SetupView): Html => html`
<h1>Welcome to ${theirs(view.domainName, 60)}</h1>
<p>You were given a link to join. Say what you are called here and create a passkey: it stays on your device and replaces any password.</p>
${
  view.hostIsAddress
    ? html`<div class="note"><p>This page was opened by a numeric address. Browsers offer passkeys only to names: set the issuer to a name, for example <code>http://localhost:7420</code> on one machine.</p></div>`
    : ''
}
<form id="enrol" method="post" action="/setup/upstream">
<input type="hidden" name="csrf" value="${view.csrf}">
<input type="hidden" name="token" value="">
<label class="field" for="name">Your name</label>
<input type="text" id="name" name="name" required maxlength="80" autocomplete="name">
<div class="buttons"><button class="primary" type="submit">Create a passkey</button>${elsewhere(view)}</div>
<p id="status" role="status" aria-live="polite"></p>
</form>
<noscript><p class="note">Passkeys need JavaScript: the browser offers them only to scripts.</p></noscript>
<p class="soft">The link works once. If it has expired, ask for a new one (the first owner: start again with <code>credence up</code>).</p>`
