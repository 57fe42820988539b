import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { html, pageHeaders, trustedHtml } from './html.ts'

test('what is put in is escaped, what is Html already is not', () => {
  assert.equal(
    html`<p title="${`"'><`}">${'<script>'}${html`<b>${'&'}</b>`}${[1, '<', null, false, undefined]}</p>`.toString(),
    '<p title="&quot;&#39;&gt;&lt;">&lt;script&gt;<b>&amp;</b>1&lt;</p>',
  )
  assert.equal(html`${trustedHtml('<i>')}`.toString(), '<i>')
})

test('an object that only looks like Html is not trusted', () => {
  const forged = JSON.parse('{"text":"<script>"}')
  assert.throws(() => html`${forged}`)
})

test('no text leaves its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const inside = html`<p title="${text}">${text}</p>`.toString().slice(10, -4)
      assert.equal(inside.split('"').length, 2)
      assert.ok(!/[<>'`]/.test(inside.replace('">', '')))
    }),
  )
})

test('a page loads nothing and is framed by nobody', () => {
  const policy = pageHeaders({ nonce: 'abc', formAction: ['https://client.test'] })['content-security-policy'] ?? ''
  for (const part of ["default-src 'none'", "script-src 'nonce-abc'", "frame-ancestors 'none'", "base-uri 'none'"]) {
    assert.ok(policy.includes(part), part)
  }
  assert.ok(!policy.includes('unsafe'))
  assert.match(policy, /form-action 'self' https:\/\/client\.test/)
  assert.throws(() => pageHeaders({ formAction: ['x; script-src *'] }))
})
