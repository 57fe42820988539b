/** `npm run demo -- --browser` with somebody at the machine: a real browser, handed the links as a system's opener is. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'

const MAIN = join(import.meta.dirname, 'main.ts')
const CHROMIUM = process.env.CREDENCE_TEST_CHROMIUM ?? '/usr/bin/chromium'
const SHOTS = process.env.CREDENCE_TEST_SCREENSHOTS
const present = existsSync(CHROMIUM)
if (!present && process.env.CI === 'true') throw new Error(`No browser at ${CHROMIUM}; set CREDENCE_TEST_CHROMIUM.`)

const PHONE = { width: 360, height: 740 }
const DESKTOP = { width: 1280, height: 900 }

interface Demo {
  readonly child: ChildProcess
  /** What the opener was given so far. */
  links(): readonly string[]
  /** The n-th of them, once it is there. */
  link(index: number): Promise<string>
  /** What a step observed, once it is over. */
  step(name: string): Promise<string>
  readonly said: () => string
  readonly ended: Promise<{ readonly code: number | null; readonly lines: readonly Record<string, unknown>[] }>
  /** Also before it is over. */
  close(): Promise<void>
}

/** Where a desktop would have its browser, this has a program that writes down what it is to open. */
const startDemo = (...argv: string[]): Demo => {
  const dir = mkdtempSync(join(tmpdir(), 'demo-browser-'))
  const opener = join(dir, 'opener')
  const visits = join(dir, 'visits')
  writeFileSync(opener, `#!/bin/sh\nprintf '%s\\n' "$1" >> ${visits}\n`)
  chmodSync(opener, 0o755)
  const child = spawn(process.execPath, [MAIN, '--json', ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, BROWSER: opener },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const linesSoFar = (): Record<string, unknown>[] =>
    stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const until = async <T>(look: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (child.exitCode !== null) throw new Error(`ended too early: ${stdout}${stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const links = (): string[] => (existsSync(visits) ? readFileSync(visits, 'utf8').split('\n').slice(0, -1) : [])
  return {
    child,
    links,
    said: () => stderr,
    link: (index) => until(() => links()[index]),
    step: async (name) => {
      const line = await until(() => linesSoFar().find(({ step }) => step === name))
      assert.equal(line.ok, true, JSON.stringify(line))
      return String(line.observed)
    },
    ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, lines: linesSoFar() }))),
    close: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const shot = async (page: Page, name: string): Promise<void> => {
  if (SHOTS === undefined) return
  mkdirSync(SHOTS, { recursive: true })
  for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
    await page.setViewportSize(viewport)
    await page.screenshot({ path: join(SHOTS, `demo-${name}-${size}.png`), fullPage: true })
  }
}

const withPasskeys = async (browser: Browser): Promise<Page> => {
  const page = await (await browser.newContext({ viewport: DESKTOP })).newPage()
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return page
}

const becomeOwner = async (page: Page, demo: Demo): Promise<void> => {
  await page.goto(await demo.link(0))
  await shot(page, 'setup')
  await page.getByLabel('Your name').fill('Somebody Real')
  await page.getByRole('button', { name: 'Create a passkey' }).click()
  await page.waitForURL('**/account')
  await shot(page, 'account')
}

describe('the demo with somebody at the machine', {
  skip: present ? false : `no browser at ${CHROMIUM}`,
  timeout: 170_000,
}, () => {
  let browser: Browser
  before(async () => {
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
    browser = await chromium.launch({ executablePath: CHROMIUM, args })
  })
  after(() => browser?.close())

  /** Somebody enrols, and does this with the consent page. */
  const playWith = async (
    answer: (page: Page, demo: Demo) => Promise<unknown>,
    look: (demo: Demo) => Promise<unknown>,
  ): Promise<void> => {
    const demo = startDemo('--browser')
    try {
      const page = await withPasskeys(browser)
      await becomeOwner(page, demo)
      await page.goto(await demo.link(1))
      await page.getByRole('heading', { name: 'librarian wants to act for you' }).waitFor()
      await shot(page, 'consent')
      await answer(page, demo)
      await look(demo)
      await page.context().close()
    } finally {
      await demo.close()
    }
  }

  test('they enrol a passkey, allow what the page shows, and are asked for nothing else', async () => {
    const allow = async (page: Page): Promise<void> => {
      assert.equal(await page.getByRole('checkbox').count(), 3)
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.getByRole('heading', { name: 'The agent has your answer' }).waitFor()
      await page.evaluate(axe.source)
      const found = await page.evaluate('axe.run().then(({ violations }) => violations.map(({ id }) => id))')
      assert.deepEqual(found, [], 'the last page of the way is the agent’s own')
      await shot(page, 'done')
    }
    await playWith(allow, async (demo) => {
      const { code, lines } = await demo.ended
      assert.deepEqual(
        lines.filter(({ ok }) => ok === false),
        [],
        demo.said(),
      )
      assert.deepEqual([code, lines.at(-1)?.scenario, lines.at(-1)?.failed], [0, 'quickstart', 0])
      assert.match(await demo.step('owner'), /^Somebody Real is usr_/)
      assert.match(await demo.step('consent'), /^you: grant grt_/)
      assert.equal(demo.links().length, 2)
      assert.match(demo.said(), /waiting for you in the browser: http:\/\/localhost:\d+\/setup#/)
    })
  })

  const somebodyElse = async (demo: Demo): Promise<void> => {
    assert.match(await demo.step('consent'), /^Grace Hopper: grant grt_/)
    assert.match(await demo.step('allowed call'), /^# /)
    await demo.step('second server')
    assert.equal(demo.links().length, 2, 'they are asked for nothing else')
  }

  test('they deny: no token, and somebody else is asked', () =>
    playWith((page) => page.getByRole('button', { name: 'Deny' }).click(), somebodyElse))

  test('they take a tool away: that is respected, and somebody else is asked', () =>
    playWith(async (page) => {
      await page.getByRole('checkbox').first().uncheck()
      await page.getByRole('button', { name: 'Allow' }).click()
    }, somebodyElse))

  test('they open the consent page and press Enter instead', () =>
    playWith(
      async (_page, demo) => demo.child.stdin?.write('\n'),
      async (demo) => {
        await somebodyElse(demo)
        assert.match(demo.said(), /Enter: the demo goes through the pages by itself/)
      },
    ))
})

test('whoever presses Enter at once is asked for nothing else', async () => {
  const demo = startDemo('--browser')
  try {
    await demo.link(0)
    demo.child.stdin?.write('\n')
    assert.match(await demo.step('owner'), /^Ada Lovelace is usr_/)
    assert.match(await demo.step('consent'), /^Grace Hopper: /)
    assert.equal(demo.links().length, 1)
  } finally {
    await demo.close()
  }
})

test('without the flag and without a terminal nothing is opened', async () => {
  const demo = startDemo()
  try {
    await demo.step('consent')
    assert.deepEqual(demo.links(), [])
    assert.doesNotMatch(demo.said(), /browser/)
  } finally {
    await demo.close()
  }
})

test('flags that contradict each other, or that are not there, are usage errors', async () => {
  for (const argv of [['--browser', '--no-browser'], ['--browsre'], ['quickstart', 'more']]) {
    const demo = startDemo(...argv)
    assert.equal((await demo.ended).code, 2, argv.join(' '))
    assert.match(demo.said(), /npm run demo/)
    await demo.close()
  }
})
