/** Text from outside, made safe to read: what a name says must not change how the rest of the page reads. */
import { type Html, html } from '@credence/kit/html'

/** Control characters, bidirectional overrides and isolates, zero-width and line separators, tags, variation selectors. */
const DECEIVING = new RegExp(
  [
    '[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]',
    '[\\ufe00-\\ufe0f]',
    '[\\u{e0000}-\\u{e0fff}]',
  ].join('|'),
  'gu',
)

/** A cut inside a word moves back to the end of the word before, if that is near. */
const NEAR = 24

const cutAt = (clean: readonly string[], limit: number): string[] => {
  const short = clean.slice(0, limit - 1)
  const space = short.lastIndexOf(' ')
  return [...(space > 0 && space > short.length - NEAR ? short.slice(0, space) : short), '…']
}

/** Cut at code points, never inside one; a cut shows as an ellipsis. */
export const plainText = (text: string, limit: number): string => {
  const clean = [
    ...text
      .slice(0, limit * 8)
      .replace(DECEIVING, '\u00b7')
      .replace(/\s+/g, ' ')
      .trim(),
  ]
  const short = clean.length > limit ? cutAt(clean, limit) : clean
  // Combining marks are piled at most two high.
  return short.join('').replace(/(\p{M}{2})\p{M}+/gu, '$1')
}

/** A name somebody else chose: its direction of writing stays inside it. */
export const theirs = (text: string, limit = 80): Html => html`<bdi>${plainText(text, limit)}</bdi>`

/** An identifier, exactly, in a fixed-width face; long ones can be scrolled, never hidden. */
export const exact = (text: string, limit = 300): Html => html`<code><bdi>${plainText(text, limit)}</bdi></code>`

export const dateTime = (ms: number): Html => {
  const iso = new Date(ms).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`
}
