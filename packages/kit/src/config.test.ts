import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type ConfigSources, loadConfig } from './config.ts'

const definition = {
  envPrefix: 'CREDENCE_',
  ignoreEnv: ['CREDENCE_TEST_POSTGRES'],
  shape: {
    issuer: z.url().default('http://127.0.0.1:7420'),
    listenPort: z.int().min(0).max(65_535).default(7420),
    json: z.boolean().default(false),
    trustedProxies: z.array(z.string()).default([]),
    clientSecret: z.string().min(8).optional(),
    stdio: z.record(z.string(), z.strictObject({ command: z.string() })).default({}),
  },
  secret: ['clientSecret'],
  unsafe: (settings: { issuer: string }) =>
    settings.issuer.startsWith('http:') ? [{ setting: 'issuer', why: 'Tokens would travel unencrypted.' }] : [],
} as const

const load = (sources: Partial<ConfigSources> & { text?: string } = {}) =>
  loadConfig(definition as never, {
    env: sources.env ?? {},
    argv: sources.argv ?? [],
    ...(sources.text === undefined ? {} : { file: { path: 'credence.json', text: sources.text } }),
  }) as ReturnType<typeof loadConfig<(typeof definition)['shape']>>

const problemsOf = (sources: Parameters<typeof load>[0]): string => {
  try {
    load(sources)
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'config_invalid')
    return (error as Error).message
  }
  throw new assert.AssertionError({ message: 'was accepted' })
}

test('defaults, and what is unsafe is explained', () => {
  const config = load()
  assert.equal(config.settings.listenPort, 7420)
  assert.equal(config.origin.listenPort, 'default')
  assert.deepEqual(config.unsafe, [{ setting: 'issuer', why: 'Tokens would travel unencrypted.' }])
})

test('flags win over environment, environment over file', () => {
  const text = '{"listenPort":1,"issuer":"https://file.test","json":true,"stdio":{"files":{"command":"x"}}}'
  const env = { CREDENCE_LISTEN_PORT: '2', CREDENCE_ISSUER: 'https://env.test', PATH: '/', CREDENCE_TEST_POSTGRES: 'x' }
  const config = load({ text, env, argv: ['agent', '--listen-port', '3', 'add', '--no-json', '--', '--x'] })
  assert.deepEqual(
    [config.settings.listenPort, config.settings.issuer, config.settings.json],
    [3, 'https://env.test', false],
  )
  assert.deepEqual([config.origin.listenPort, config.origin.issuer, config.origin.stdio], ['flag', 'env', 'file'])
  assert.deepEqual(config.rest, ['agent', 'add', '--x'])
  assert.deepEqual(load({ argv: ['--trusted-proxies=10.0.0.1, 10.0.0.2'] }).settings.trustedProxies, [
    '10.0.0.1',
    '10.0.0.2',
  ])
})

test('unknown settings are refused with what was meant', () => {
  assert.match(
    problemsOf({ argv: ['--listen-prot', '1'] }),
    /--listen-prot is not a setting. Did you mean --listen-port\?/,
  )
  assert.match(
    problemsOf({ env: { CREDENCE_ISUER: 'x' } }),
    /CREDENCE_ISUER is not a setting. Did you mean CREDENCE_ISSUER\?/,
  )
  assert.match(
    problemsOf({ text: '{"isuer":1}' }),
    /"isuer" in credence.json is not a setting. Did you mean "issuer"\?/,
  )
  assert.match(problemsOf({ argv: ['--zzzzzzzz'] }), /--zzzzzzzz is not a setting\.$/m)
  assert.match(problemsOf({ text: '{"constructor":1}' }), /not a setting/)
  assert.match(problemsOf({ argv: ['--constructor'] }), /not a setting/)
  assert.match(problemsOf({ argv: ['-x'] }), /-x is not a flag/)
})

test('every problem at once, with the place where it was written', () => {
  const message = problemsOf({
    text: '{"stdio":{"files":{"command":1,"more":2}}}',
    env: { CREDENCE_LISTEN_PORT: '70000' },
    argv: ['--issuer', 'nonsense', '--json=maybe'],
  })
  for (const part of [/CREDENCE_LISTEN_PORT:/, /--issuer:/, /--json:/, /"stdio" in credence.json.files/]) {
    assert.match(message, part)
  }
  assert.match(problemsOf({ argv: ['--issuer'] }), /--issuer needs a value/)
  for (const text of ['{"json":true,"json":false}', '[]', '{', '{"__proto__":{}}']) {
    assert.match(problemsOf({ text }), /cannot be read/)
  }
})

test('a secret is in no message and not printed', () => {
  assert.ok(!problemsOf({ env: { CREDENCE_CLIENT_SECRET: 'canary' } }).includes('canary'))
  assert.ok(!problemsOf({ argv: ['--client-secert=canary-value'] }).includes('canary'))
  const config = load({ env: { CREDENCE_CLIENT_SECRET: 'canary-value' } })
  assert.equal(config.settings.clientSecret, 'canary-value')
  assert.ok(!JSON.stringify(config.printable()).includes('canary'))
})
