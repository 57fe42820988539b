/** Who wants to do what, where, for how long. What is shown here is what is recorded as the evidence of consent. */
import { type Html, html } from '@credence/kit/html'
import type { ConsentView, ShownTool } from '../front/consent.ts'
import { DURATIONS } from '../front/consent.ts'
import { exact, theirs } from './text.ts'

const EFFECTS = {
  read: 'Reads',
  write: 'Changes things',
  delete: 'Deletes',
  pay: 'Spends money',
  send: 'Sends to others',
  execute: 'Runs code',
} as const

const label = (tool: ShownTool): Html => {
  if (tool.effect === undefined) return html`<span class="tag strong">Not labelled: may change things</span>`
  const words = [
    EFFECTS[tool.effect],
    ...(tool.publicData === true ? ['public data'] : []),
    ...(tool.reversible === false ? ['cannot be undone'] : []),
    ...(tool.untrusted === true ? ['returns what strangers wrote'] : []),
  ].join(', ')
  return html`<span class="tag${tool.effect === 'read' ? '' : ' strong'}">${words}</span>`
}

const toolChoice = (tool: ShownTool): Html => html`
<li><label><input type="checkbox" name="tool" value="${tool.name}" checked>
<span class="what"><strong>${theirs(tool.title ?? tool.name, 80)}</strong><span class="soft">${exact(tool.name, 256)}</span>
${tool.description === undefined ? '' : html`<span>${theirs(tool.description, 200)}</span>`}${label(tool)}</span></label></li>`

const duration = (choice: (typeof DURATIONS)[number], at: number): Html => html`
<label><input type="radio" name="duration" value="${choice.id}"${at === 0 ? trueAttribute('checked') : ''}> ${choice.words}</label>`

const trueAttribute = (name: 'checked'): Html => html` ${name}`

const who = (view: ConsentView): Html => html`
<dl class="facts">
<dt>Agent</dt><dd>${theirs(view.client.name, 80)}${
  view.client.kind === 'agent' ? '' : html` <span class="tag strong">not registered here</span>`
}</dd>
${view.client.owner === undefined ? '' : html`<dt>Owner</dt><dd>${theirs(view.client.owner, 80)}</dd>`}
${view.client.host === undefined ? '' : html`<dt>Published by</dt><dd>${exact(view.client.host)}</dd>`}
<dt>Identifier</dt><dd>${exact(view.client.spiffeId ?? view.client.id)}</dd>
<dt>Answer goes to</dt><dd>${exact(view.redirectHost)}${view.loopbackOnly ? ' (this computer)' : ''}</dd>
</dl>`

const warnings = (view: ConsentView): Html[] => [
  ...(view.client.kind === 'agent'
    ? []
    : [
        html`<div class="note"><p>Nobody here has registered this agent. Its name was chosen by whoever runs ${exact(view.client.host ?? view.client.id)}.</p></div>`,
      ]),
  ...(view.loopbackOnly
    ? [
        html`<div class="note"><p>The answer goes to a program on this computer. Continue only if you have just started it yourself.</p></div>`,
      ]
    : []),
  ...(view.bearer
    ? [
        html`<div class="note"><p>This agent cannot prove that it holds a key: whoever steals its token can use it until it expires.</p></div>`,
      ]
    : []),
]

export interface ConsentForm {
  readonly action: string
  readonly csrf: string
  /** Hash of what this page shows; the answer is refused when that has changed meanwhile. */
  readonly shown: string
}

/** INVARIANT: a name that nobody here has checked never leads: the host that published it does. */
const asker = (view: ConsentView): Html =>
  view.client.kind === 'agent'
    ? theirs(view.client.name, 60)
    : html`An agent of ${theirs(view.client.host ?? view.client.id, 60)}`

const tools = (view: ConsentView): Html =>
  view.tools.length === 0
    ? html`<div class="note"><p>No tool of this server is known here yet, so there is nothing to allow. Add the server again or ask its owner.</p></div>`
    : html`<fieldset><legend>It may use these tools of ${theirs(view.resource.name, 60)}</legend>
<p class="soft" id="choose">Take away what it should not use.</p>
<ul class="choices" aria-describedby="choose">${view.tools.map(toolChoice)}</ul></fieldset>
<fieldset><legend>For how long</legend><div class="inline">${DURATIONS.map(duration)}</div></fieldset>`

export const consentPage = (view: ConsentView, form: ConsentForm): Html => html`
<h1>${asker(view)} wants to act for you at ${theirs(view.resource.name, 60)}</h1>
${who(view)}
${warnings(view)}
<form method="post" action="${form.action}/allow">
<input type="hidden" name="csrf" value="${form.csrf}"><input type="hidden" name="shown" value="${form.shown}">
${tools(view)}
<p class="soft">Server: ${exact(view.resource.id)}${
  view.scope.length === 0
    ? ''
    : html`<br>Also asked for: ${exact(view.scope.join(' '))}${view.scope.includes('offline_access') ? ' (it may continue while you are away)' : ''}`
}</p>
<div class="buttons">${view.tools.length === 0 ? '' : html`<button class="primary" type="submit">Allow</button>`}
<button type="submit" formaction="${form.action}/deny" formnovalidate>Deny</button></div>
</form>
<p class="soft">Every call is checked and recorded. You can take this back at any time on <a href="/account">your page</a>.</p>`
