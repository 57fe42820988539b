/** The pages in a real browser, with a virtual authenticator: enrol, sign in, allow; on a desk and on a phone. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { createWorld, publicClient, type World } from '../front/testing/world.ts'
import { ARGUMENTS, CHROMIUM, noBrowser, SHOTS, withPasskeys } from './testing/real-browser.ts'

const shot = async (page: Page, name: string): Promise<void> => {
  if (SHOTS === undefined) return
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
}

/** Nothing sticks out to the side, every control has a name and is large enough to hit (WCAG 2.2 1.4.10, 2.5.8, 4.1.2). */
const assertUsable = async (page: Page, what: string): Promise<void> => {
  const facts = await page.evaluate(`({
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    unnamed: [...document.querySelectorAll('input:not([type=hidden]),button')]
      .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-label'))).length,
    small: [...document.querySelectorAll('button,.button,label:has(input)')]
      .filter((one) => one.getBoundingClientRect().height > 0 && one.getBoundingClientRect().height < 24).length,
    headings: document.querySelectorAll('h1').length,
    lang: document.documentElement.lang,
  })`)
  assert.deepEqual(facts, { wide: false, unnamed: 0, small: 0, headings: 1, lang: 'en' }, what)
}

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } } as const

describe('in a real browser', { skip: noBrowser() }, () => {
  let world: World
  let browser: Awaited<ReturnType<typeof chromium.launch>>
  before(async () => {
    world = await createWorld()
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...ARGUMENTS] })
  })
  after(async () => {
    await browser?.close()
    await world.close()
  })

  /** The browser's way to the client ends at an address that answers. */
  const contextAt = async (size: (typeof SIZES)[keyof typeof SIZES], problems: string[]) => {
    const context = await browser.newContext({ viewport: size })
    await context.route('https://agent.example/**', (route) =>
      route.fulfill({ contentType: 'text/plain', body: 'arrived' }),
    )
    const page = await withPasskeys(context)
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    page.on('pageerror', (error) => problems.push(String(error)))
    return { context, page }
  }

  it('a first owner enrols, signs out, is asked by an agent, signs in, narrows and allows', async () => {
    const problems: string[] = []
    const { context, page } = await contextAt(SIZES.desktop, problems)
    const { url } = await world.front.people.createSetupLink()
    await page.goto(url)
    await assertUsable(page, 'setup')
    await shot(page, 'setup-desktop')
    await page.getByLabel('Your name').fill('Ada Lovelace')
    await page.getByRole('button', { name: 'Create a passkey' }).click()
    await page.waitForURL('**/account')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL('**/signin')

    await page.goto(await world.pushed())
    await assertUsable(page, 'sign-in')
    await shot(page, 'signin-desktop')
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByRole('heading', { name: 'Report writer wants to act for you' }).waitFor()
    await assertUsable(page, 'consent')
    await shot(page, 'consent-desktop')
    await page.setViewportSize(SIZES.phone)
    await assertUsable(page, 'consent on a phone')
    await shot(page, 'consent-phone')
    await page.getByLabel(/Write a file/).uncheck()
    await page.getByLabel('8 hours').check()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.waitForURL('https://agent.example/**')
    const code = await world.front.codes.find(new URL(page.url()).searchParams.get('code') ?? '')
    assert.deepEqual(code?.authorizationDetails[0]?.tools, ['read_file'])

    await page.goto(`${world.issuer}/account`)
    await assertUsable(page, 'account on a phone')
    await shot(page, 'account-phone')
    await page.setViewportSize(SIZES.desktop)
    await shot(page, 'account-desktop')
    await page.getByRole('button', { name: /Take back/ }).click()
    await page.getByText('Nothing at the moment').waitFor()
    assert.equal(world.revoked.length, 1)
    await hostileConsent(page)
    assert.deepEqual(problems, [])
    await page.goto(`${world.issuer}/authorize?client_id=nobody`)
    await assertUsable(page, 'error')
    await shot(page, 'error-phone')
    await context.close()
  })

  const hostileConsent = async (page: Page): Promise<void> => {
    const client = publicClient(world.domain, {
      name: `Gоogle Drive \u202e<b>official</b> ${'very '.repeat(60)}long`,
      redirectUris: ['http://127.0.0.1/cb'],
      bearerResources: [...world.resources.keys()],
    })
    world.clients.set(client.clientId, client)
    const overrides = {
      client_id: client.clientId,
      redirect_uri: 'http://127.0.0.1:9/cb',
      authorization_details: undefined,
    }
    await page.setViewportSize(SIZES.phone)
    await page.goto(world.authorizeUrl(world.parameters({ ...overrides, scope: 'mcp:tools offline_access' })))
    await page.getByText('Nobody here has registered this agent').waitFor()
    await assertUsable(page, 'consent for a stranger on a phone')
    await shot(page, 'consent-stranger-phone')
    await page.emulateMedia({ colorScheme: 'dark' })
    await shot(page, 'consent-stranger-dark')
    await page.emulateMedia({ colorScheme: 'light' })
  }

  it('works with the keyboard alone', async () => {
    const problems: string[] = []
    const { context, page } = await contextAt(SIZES.desktop, problems)
    await page.goto(`${world.issuer}/signin`)
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Sign in with a passkey')
    await context.close()
  })
})
