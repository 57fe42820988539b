/** The real browser of the pages' tests: where it is, how it is started, and a page whose device has passkeys. */
import { existsSync } from 'node:fs'
import type { BrowserContext, Page } from 'playwright-core'

export const CHROMIUM: string = process.env.CREDENCE_TEST_CHROMIUM ?? '/usr/bin/chromium'

/** A folder for pictures of the pages; undefined: none are taken. */
export const SHOTS: string | undefined = process.env.CREDENCE_TEST_SCREENSHOTS

/** Why tests with a browser are skipped, or false. INVARIANT: in CI they are not. */
export const noBrowser = (): string | false => {
  if (existsSync(CHROMIUM)) return false
  if (process.env.CI === 'true') throw new Error(`No browser at ${CHROMIUM}; set CREDENCE_TEST_CHROMIUM.`)
  return `no browser at ${CHROMIUM}`
}

/** Without what would ask hosts of the browser's maker. */
export const ARGUMENTS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A page with a virtual authenticator that always says yes. */
export const withPasskeys = async (context: BrowserContext): Promise<Page> => {
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
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
