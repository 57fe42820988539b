/** Enforcement points with client certificates, as settings. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { decisionCallersOf } from './compose/host.ts'
import { loadSettings } from './settings.ts'

const AGENT = 'agt_AAAAAAAAAAAAAAAAAAAAAA'
const HASH = Array.from({ length: 32 }, () => 'Af').join(':')

const settingsWith = (decisionCallers: unknown, flags: Record<string, string> = {}) =>
  loadSettings({
    flags: { 'data-dir': '/nowhere', 'decision-callers': JSON.stringify(decisionCallers), ...flags },
    env: {},
  }).settings

test('a caller is known by a hash, or by an authority and one whole name', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-callers-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const ca = join(dir, 'ca.pem')
  writeFileSync(ca, 'PEM')
  const tls = { 'tls-cert': ca }
  const callers = {
    kong: { agent: AGENT, thumbprint: HASH },
    envoy: { agent: AGENT, ca, san: 'URI:spiffe://mesh/envoy' },
  }
  assert.deepEqual(decisionCallersOf(settingsWith(callers, tls)), [
    { name: 'kong', agent: AGENT, by: { kind: 'hash', sha256: 'af'.repeat(32) } },
    { name: 'envoy', agent: AGENT, by: { kind: 'authority', ca: 'PEM', san: 'URI:spiffe://mesh/envoy' } },
  ])
  assert.deepEqual(decisionCallersOf(settingsWith({})), [])
  assert.throws(() => decisionCallersOf(settingsWith(callers)), /need TLS at this listener.*tlsCert/)
  const missing = { envoy: { agent: AGENT, ca: join(dir, 'no.pem'), san: 'DNS:x' } }
  assert.throws(() => decisionCallersOf(settingsWith(missing, tls)), /decisionCallers\.envoy\.ca: .* cannot be read/)
})

test('what would let in more than one means is refused', () => {
  for (const wrong of [
    { agent: AGENT },
    { agent: 'envoy', thumbprint: HASH },
    { agent: AGENT, thumbprint: 'af' },
    { agent: AGENT, thumbprint: HASH.slice(3) },
    { agent: AGENT, ca: '/ca.pem' },
    { agent: AGENT, san: 'DNS:x' },
    { agent: AGENT, ca: '/ca.pem', san: 'envoy.internal' },
    { agent: AGENT, ca: '/ca.pem', san: 'DNS:*.internal' },
    { agent: AGENT, ca: '/ca.pem', san: 'DNS:a, DNS:b' },
    { agent: AGENT, ca: '/ca.pem', san: 'URI:a,URI:b' },
    { agent: AGENT, ca: '/ca.pem', san: 'URI:"a"' },
    { agent: AGENT, ca: '/ca.pem', san: 'DNS:x', thumbprint: HASH },
  ])
    assert.throws(() => settingsWith({ envoy: wrong }), { code: 'config_invalid' }, JSON.stringify(wrong))
})
