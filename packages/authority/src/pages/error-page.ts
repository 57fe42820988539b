import { type Html, html } from '@credence/kit/html'
import { plainText } from './text.ts'

export interface ErrorView {
  readonly title: string
  readonly message: string
  readonly code: string
  /** What the person can do now; by default, start again. */
  readonly next?: string
}

const START_AGAIN =
  'Go back to where you came from and start again. If it happens again, give the code below to whoever runs this server.'

export const errorBody = (view: ErrorView): Html => html`
<h1>${view.title}</h1>
<p>${plainText(view.message, 400)}</p>
<p>${view.next ?? START_AGAIN}</p>
<p class="soft">Code for the operator: <code>${plainText(view.code, 80)}</code></p>`
