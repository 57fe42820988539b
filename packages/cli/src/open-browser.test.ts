import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { hasBrowser, openerFor, openInBrowser } from './open-browser.ts'

const URL_ = 'http://localhost:7420/authorize?client_id=a&request_uri=b;c'

describe('which program opens an address', () => {
  test('the one of the system, where there is a screen', () => {
    assert.deepEqual(openerFor(URL_, { platform: 'linux', env: { DISPLAY: ':0' } }), ['xdg-open', URL_])
    assert.deepEqual(openerFor(URL_, { platform: 'linux', env: { WAYLAND_DISPLAY: 'wayland-0' } }), ['xdg-open', URL_])
    assert.deepEqual(openerFor(URL_, { platform: 'darwin', env: {} }), ['open', URL_])
    assert.deepEqual(openerFor(URL_, { platform: 'win32', env: {} })?.at(-1), URL_)
  })

  test('none without a screen, in a session from elsewhere, or on a system we do not know', () => {
    assert.equal(hasBrowser({ platform: 'linux', env: {} }), false)
    assert.equal(hasBrowser({ platform: 'linux', env: { DISPLAY: '', SSH_TTY: '/dev/pts/1' } }), false)
    assert.equal(hasBrowser({ platform: 'darwin', env: { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' } }), false)
    assert.equal(hasBrowser({ platform: 'win32', env: { SSH_TTY: 'x' } }), false)
    assert.equal(hasBrowser({ platform: 'aix', env: { DISPLAY: ':0' } }), false)
  })

  test('the one that the person named; its first choice, with the address where it wants it', () => {
    const named = (BROWSER: string) => openerFor(URL_, { platform: 'linux', env: { BROWSER } })
    assert.deepEqual(named('firefox'), ['firefox', URL_])
    assert.deepEqual(named('firefox --new-tab:w3m'), ['firefox', '--new-tab', URL_])
    assert.deepEqual(named('show --url=%s --quiet'), ['show', `--url=${URL_}`, '--quiet'])
    assert.equal(named('none'), undefined)
    for (const nothing of [' ', ':firefox', '%s', '%s --quiet']) assert.equal(named(nothing), undefined, nothing)
  })

  test('what is handed on is the address as it was judged, whole and without anything before it', () => {
    const given = (url: string) => openerFor(url, { platform: 'linux', env: { DISPLAY: ':0' } })?.[1]
    for (const [url, seen] of [
      [' \n--https://x/', undefined],
      ['\u0000 https://x/a', 'https://x/a'],
      ['ht\ntps://x/a\tb"c d', 'https://x/ab%22c%20d'],
      ['https:x', 'https://x/'],
    ] as const)
      assert.equal(given(url), seen, JSON.stringify(url))
    const odd = 'http://localhost/?a=$&b=$`c=$$'
    const around = { platform: 'linux', env: { BROWSER: 'show --url=%s' } } as const
    assert.deepEqual(openerFor(odd, around), ['show', `--url=${odd}`])
  })

  test('only for web addresses', () => {
    for (const url of ['file:///etc/passwd', 'javascript:alert(1)', '--help', 'vscode://x', '', 'localhost:80'])
      assert.equal(openerFor(url, { platform: 'linux', env: { DISPLAY: ':0', BROWSER: 'x' } }), undefined, url)
  })
})

describe('openInBrowser', { skip: process.platform === 'win32' ? 'platform: a POSIX script' : false }, () => {
  test('hands the address over as it is, without a shell', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'opener-'))
    const script = join(dir, 'show')
    writeFileSync(script, `#!/bin/sh\nprintf '%s' "$1" > ${dir}/part && mv ${dir}/part ${dir}/seen\n`)
    chmodSync(script, 0o755)
    const url = 'http://localhost/a?b=$(touch%20x)&c=`id`;d'
    try {
      const env = { ...process.env, BROWSER: script }
      assert.equal(await openInBrowser(url, { platform: process.platform, env }), true)
      while (!existsSync(join(dir, 'seen'))) await new Promise((resolve) => setTimeout(resolve, 10))
      assert.equal(readFileSync(join(dir, 'seen'), 'utf8'), url)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  test('a program that is not there is no error', async () => {
    const around = { platform: process.platform, env: { BROWSER: '/nowhere/browser' } }
    assert.equal(await openInBrowser(URL_, around), false)
    assert.equal(await openInBrowser(URL_, { platform: 'linux', env: {} }), false)
  })
})
