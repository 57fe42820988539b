import { type Html, html } from '@credence/kit/html'
import type { GrantSummary } from '../front/ports.ts'
import { dateTime, exact, theirs } from './text.ts'

export interface AccountView {
  readonly name: string
  readonly role: 'owner' | 'member'
  readonly grants: readonly GrantSummary[]
  readonly csrf: string
  /** Shown once, after an invitation was made. */
  readonly invitation?: { readonly url: string; readonly expiresAt: number }
}

const grantCard = (grant: GrantSummary, csrf: string): Html => html`
<section class="card"><h3>${theirs(grant.clientName, 80)}</h3>
<dl class="facts"><dt>Agent</dt><dd>${exact(grant.clientId)}</dd><dt>Server</dt><dd>${exact(grant.resource)}</dd>
<dt>Tools</dt><dd>${grant.tools.map((tool, at) => html`${at === 0 ? '' : ', '}${exact(tool, 256)}`)}</dd>
<dt>Allowed</dt><dd>${dateTime(grant.createdAt)}</dd><dt>Until</dt><dd>${dateTime(grant.expiresAt)}</dd></dl>
<form method="post" action="/account/grants/${grant.grantId}/revoke"><input type="hidden" name="csrf" value="${csrf}">
<button type="submit">Take back<span class="soft">&nbsp;· ${theirs(grant.clientName, 40)}</span></button></form></section>`

const invitations = (view: AccountView): Html =>
  view.role !== 'owner'
    ? html``
    : html`<h2>Invite somebody</h2>
${
  view.invitation === undefined
    ? ''
    : html`<div class="note"><p>Give this link to one person, over a channel you trust. It works once, until ${dateTime(view.invitation.expiresAt)}, and is not shown again.</p>
<p>${exact(view.invitation.url, 400)}</p></div>`
}
<form method="post" action="/account/invitations"><input type="hidden" name="csrf" value="${view.csrf}">
<label class="field" for="invitee">Name (they can change it)</label>
<input type="text" id="invitee" name="name" maxlength="80" autocomplete="off">
<div class="buttons"><button type="submit">Make an invitation link</button></div></form>`

export const accountPage = (view: AccountView): Html => html`
<h1>Your page</h1>
<p>You are ${theirs(view.name, 80)}${view.role === 'owner' ? ', an owner of this domain' : ''}.</p>
<h2>What agents may do for you</h2>
${view.grants.length === 0 ? html`<p class="soft">Nothing at the moment.</p>` : view.grants.map((grant) => grantCard(grant, view.csrf))}
${invitations(view)}
<form method="post" action="/signout"><input type="hidden" name="csrf" value="${view.csrf}">
<div class="buttons"><button type="submit">Sign out</button></div></form>`
