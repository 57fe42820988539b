/** Every page for people, judged by axe in a real browser: on a desk and on a phone, in the light and in the dark. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createWorld, filesResource, publicClient, REDIRECT, RESOURCE, type World } from '../front/testing/world.ts'
import { ARGUMENTS, CHROMIUM, noBrowser, SHOTS, withPasskeys } from './testing/real-browser.ts'

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } } as const
const SCHEMES = ['light', 'dark'] as const
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

interface Verdict {
  readonly rules: number
  readonly violations: readonly { readonly id: string; readonly nodes: readonly string[] }[]
  readonly wide: boolean
}

/** The source is handed to the page by the debugger: the page's own policy runs nothing that is not its own. */
const judge = async (page: Page): Promise<Verdict> => {
  await page.evaluate(axe.source)
  return page.evaluate(`axe.run(document, { runOnly: { type: 'tag', values: ${JSON.stringify(TAGS)} } }).then((result) => ({
    rules: result.passes.length,
    violations: result.violations.map(({ id, nodes }) => ({
      id, nodes: nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary) })),
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  }))`)
}

const assertAccessible = async (page: Page, name: string): Promise<void> => {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of SCHEMES) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      if (SHOTS !== undefined) {
        mkdirSync(SHOTS, { recursive: true })
        await page.screenshot({ path: join(SHOTS, `${name}-${size}-${colorScheme}.png`), fullPage: true })
      }
      const { rules, violations, wide } = await judge(page)
      assert.deepEqual(violations, [], `${name}, ${size}, ${colorScheme}`)
      assert.equal(wide, false, `${name} sticks out at ${size}`)
      assert.ok(rules > 10, `${name}: axe has looked at something`)
    }
  }
}

const COMPANY = {
  id: 'company',
  name: 'Company account',
  issuer: 'https://idp.example',
  clientId: 'credence',
  clientSecret: 'not used here',
}

describe('every page by WCAG 2.2 AA', { skip: noBrowser() }, () => {
  let world: World
  let browser: Browser
  let page: Page
  before(async () => {
    world = await createWorld({ upstreams: [COMPANY] })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...ARGUMENTS] })
    const context = await browser.newContext()
    await context.route('https://agent.example/**', (route) =>
      route.fulfill({ contentType: 'text/plain', body: 'arrived' }),
    )
    page = await withPasskeys(context)
  })
  after(async () => {
    await browser?.close()
    await world.close()
  })

  const shows = async (name: string, heading: string | RegExp): Promise<void> => {
    await page.getByRole('heading', { level: 1, name: heading }).waitFor()
    await assertAccessible(page, name)
  }

  it('finds what is wrong with a page that is wrong', async () => {
    await page.setContent('<html><body><img src="data:,"><p style="color:#ccc;background:#fff">pale</p></body></html>')
    const { violations } = await judge(page)
    const ids = violations.map(({ id }) => id)
    for (const id of ['html-has-lang', 'image-alt', 'color-contrast']) assert.ok(ids.includes(id), `${id} of ${ids}`)
  })

  it('set-up, also when it says what is wrong', async () => {
    await page.goto(`${world.issuer}/setup`)
    await page.getByText('This address is incomplete').waitFor()
    await shows('setup-incomplete', /Welcome/)
    const { url } = await world.front.people.createSetupLink()
    await page.goto(url)
    await page.reload()
    await shows('setup', /Welcome/)
    assert.equal(await page.getByRole('button', { name: /Company/ }).innerText(), 'Use Company account instead')
    await page.getByLabel('Your name').fill('Ada Lovelace')
    await page.getByRole('button', { name: 'Create a passkey' }).click()
    await page.waitForURL('**/account')
  })

  it("one's own page: empty, with an invitation, with grants", async () => {
    await shows('account-empty', 'Your page')
    await page.getByLabel(/Name/).fill('Grace')
    await page.getByRole('button', { name: 'Make an invitation link' }).click()
    await page.getByText('Give this link to one person').waitFor()
    await shows('account-invitation', 'Your page')
    for (const again of ['1', '2']) {
      await page.goto(await world.pushed({ state: again }))
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.waitForURL(`${REDIRECT}**`)
    }
    await page.goto(`${world.issuer}/account`)
    assert.equal(await page.getByRole('button', { name: /Take back/ }).count(), 2)
    await shows('account-grants', 'Your page')
  })

  it('an invitation, as the invited person sees it', async () => {
    const { people } = world.front
    const [owner] = await people.list()
    assert.ok(owner !== undefined)
    const { url } = await people.createInvitation(owner.id, 'Grace')
    await page.goto(url)
    await page.reload()
    await shows('invitation', /Welcome/)
  })

  it('consent: for an agent of the domain, for a stranger without proof, and when there is nothing to allow', async () => {
    await page.goto(await world.pushed())
    await shows('consent', /Report writer wants to act for you/)
    const stranger = publicClient(world.domain, {
      name: `Gоogle Drive \u202e<b>official</b> ${'very '.repeat(60)}long`,
      redirectUris: ['http://127.0.0.1/cb'],
      bearerResources: [RESOURCE],
    })
    world.clients.set(stranger.clientId, stranger)
    const asked = world.parameters({
      client_id: stranger.clientId,
      redirect_uri: 'http://127.0.0.1:9/cb',
      authorization_details: undefined,
      scope: 'mcp:tools offline_access',
    })
    await page.goto(world.authorizeUrl(asked))
    await shows('consent-stranger', /An agent of/)
    world.resources.set(RESOURCE, { ...filesResource, tools: [] })
    await page.goto(world.authorizeUrl({ ...asked, state: 'other' }))
    await page.getByText('No tool of this server is known').waitFor()
    await shows('consent-nothing', /An agent of/)
    world.resources.set(RESOURCE, filesResource)
  })

  it('sign-in, by itself and before a consent', async () => {
    await page.goto(`${world.issuer}/account`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL('**/signin')
    await shows('sign-in', 'Sign in')
    // As it is seen: a layout that swallows the spaces around a name is caught here.
    assert.equal(await page.getByRole('link', { name: /Company/ }).innerText(), 'Continue with Company account')
    await page.goto(await world.pushed({ state: 'x' }))
    await page.getByText('An agent asks to act for you').waitFor()
    await shows('sign-in-waiting', 'Sign in')
  })

  const WRONG = {
    'error-client': '/authorize?client_id=nobody',
    'error-redirect': `/authorize?${new URLSearchParams({ client_id: 'x', redirect_uri: 'javascript:1' })}`,
    'error-request': '/interaction/AAAAAAAAAAAAAAAAAAAAA',
    'error-provider': '/signin/upstream/nobody?return=%2Faccount',
    'error-callback': '/signin/callback/company?code=a&state=b',
    'error-nowhere': '/nothing-is-here',
  } as const

  for (const [name, path] of Object.entries(WRONG)) {
    it(`a refusal is a page, too: ${path.split('?')[0]}`, async () => {
      const answer = await page.goto(`${world.issuer}${path}`)
      assert.ok((answer?.status() ?? 0) >= 400)
      assert.match(answer?.headers()['content-type'] ?? '', /^text\/html/)
      await shows(name, 'That did not work')
    })
  }
})
