/** The person's own browser, where this machine has one to show. */
import { spawn } from 'node:child_process'

/** What the judgement rests on. */
export interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
}

const here = (): Surroundings => ({ platform: process.platform, env: process.env })
const isSet = (value: string | undefined): value is string => value !== undefined && value !== ''

/** `BROWSER` as other programs read it: the first of a list; `%s` stands for the address, otherwise it comes last. */
const chosen = (browser: string, url: string): readonly string[] | undefined => {
  const [first = ''] = browser.split(':')
  const words = first.split(/\s+/).filter((word) => word !== '')
  // INVARIANT: the address is never the program: who names none before it has named nothing.
  if (words[0] === undefined || words[0].includes('%s')) return undefined
  return first.includes('%s') ? words.map((word) => word.replaceAll('%s', () => url)) : [...words, url]
}

/** The address is one argument of a program and never passes a shell. */
const ofSystem = (platform: NodeJS.Platform, url: string): readonly string[] | undefined => {
  if (platform === 'darwin') return ['open', url]
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler', url]
  return platform === 'linux' ? ['xdg-open', url] : undefined
}

/** A session from elsewhere would open the page on a screen that nobody sits at. */
const hasScreen = ({ platform, env }: Surroundings): boolean =>
  platform === 'linux'
    ? isSet(env.DISPLAY) || isSet(env.WAYLAND_DISPLAY)
    : !isSet(env.SSH_CONNECTION) && !isSet(env.SSH_TTY)

/**
 * The program that opens this address and its arguments; undefined where no browser can be seen. What the person named
 * in `BROWSER` is not judged; `none` there means none.
 * INVARIANT: web addresses only: whatever else a server may answer never reaches a program of this machine.
 */
export const openerFor = (url: string, around: Surroundings = here()): readonly string[] | undefined => {
  // NOTE: what was parsed is what is handed on: a parser forgives white space and control characters, a program may not.
  const { protocol, href } = URL.parse(url) ?? {}
  if (href === undefined || (protocol !== 'http:' && protocol !== 'https:')) return undefined
  const { BROWSER } = around.env
  if (isSet(BROWSER)) return BROWSER === 'none' ? undefined : chosen(BROWSER, href)
  return hasScreen(around) ? ofSystem(around.platform, href) : undefined
}

export const hasBrowser = (around: Surroundings = here()): boolean =>
  openerFor('http://localhost/', around) !== undefined

/** Answers whether a program was started; one that does not open is no error, since the link was printed. */
export const openInBrowser = (url: string, around: Surroundings = here()): Promise<boolean> => {
  const [program, ...args] = openerFor(url, around) ?? []
  if (program === undefined) return Promise.resolve(false)
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore', detached: true })
    child.once('error', () => resolve(false))
    child.once('spawn', () => resolve(true))
    child.unref()
  })
}
