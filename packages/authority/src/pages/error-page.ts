import { type Html, html } from '@credence/kit/html'
import { plainText } from './text.ts'

export interface ErrorView {
  readonly title: string
  readonly message: string
  readonly code: string
  /** What the person can do now. */
  readonly next?: string
}

export const errorBody = (view: ErrorView): Html => html`
<h1>${view.title}</h1>
<p>${plainText(view.message, 400)}</p>
${view.next === undefined ? '' : html`<p>${view.next}</p>`}
<p class="soft">Code for the operator: <code>${plainText(view.code, 80)}</code></p>`
