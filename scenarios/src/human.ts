/** The person at this machine: is shown a page in their own browser and waited for, until they would rather watch. */

export type Away = 'enter' | 'deadline'

export interface HumanDeps {
  readonly open: (url: string) => Promise<boolean>
  /** A line for their eyes. */
  readonly say: (line: string) => void
  /** Fulfilled by the next Enter; never by the end of the input. */
  readonly enter: (signal: AbortSignal) => Promise<void>
  readonly patienceMs: number
}

export interface Request<T> {
  /** What they will see, and what to do there. */
  readonly lines: readonly string[]
  readonly link: string
  /** Fulfilled when they have done it. */
  readonly done: (signal: AbortSignal) => Promise<T>
}

/** INVARIANT: once somebody has gone, they are not asked again: the demo does the rest through the public pages. */
export interface Human {
  readonly present: boolean
  /** What came of it; undefined when they pressed Enter or let the deadline pass. */
  ask<T>(request: Request<T>): Promise<T | undefined>
  /** Not asked any more. */
  leave(): void
}

export const NOBODY: Human = {
  present: false,
  ask: () => Promise.resolve(undefined),
  leave: () => {},
}

const inWords = (ms: number): string =>
  ms < 60_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.round(ms / 60_000)} minutes`

const afterwards: Readonly<Record<Away, string>> = {
  enter: 'Enter: the demo goes through the pages by itself.',
  deadline: 'Nobody came: the demo goes through the pages by itself.',
}

/** A timer that the end of the question ends, too. */
const deadline = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })

const waitFor = async <T>(deps: HumanDeps, request: Request<T>): Promise<{ readonly value: T } | Away> => {
  const over = new AbortController()
  try {
    return await Promise.race([
      request.done(over.signal).then((value) => ({ value })),
      deps.enter(over.signal).then((): Away => 'enter'),
      deadline(deps.patienceMs, over.signal).then((): Away => 'deadline'),
    ])
  } finally {
    over.abort()
  }
}

export const createHuman = (deps: HumanDeps): Human => {
  let present = true
  return {
    get present() {
      return present
    },
    leave: () => {
      present = false
    },
    ask: async (request) => {
      if (!present) return undefined
      for (const line of request.lines) deps.say(line)
      if (!(await deps.open(request.link)))
        deps.say('No browser could be opened from here; please open the link yourself.')
      deps.say(
        `waiting for you in the browser: ${request.link} ; press Enter to let the demo do it instead (it does so after ${inWords(deps.patienceMs)})`,
      )
      const outcome = await waitFor(deps, request)
      if (typeof outcome === 'object') return outcome.value
      present = false
      deps.say(afterwards[outcome])
      return undefined
    },
  }
}

/** Enter at this input. INVARIANT: nobody waiting, nobody reading: it keeps no process alive. */
export const enterOf =
  (input: NodeJS.ReadStream) =>
  (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const onData = (chunk: Buffer): void => {
        if (/[\r\n]/.test(chunk.toString())) resolve()
      }
      // A terminal that goes away is a deadline, no error.
      const onError = (): void => {}
      input.on('data', onData).on('error', onError)
      input.resume()
      signal.addEventListener('abort', () => {
        input.off('data', onData).off('error', onError)
        input.pause()
        input.unref?.()
      })
    })

export interface BrowserWish {
  readonly browser: boolean
  readonly noBrowser: boolean
  readonly json: boolean
  readonly terminal: boolean
  readonly ci: boolean
  readonly hasBrowser: () => boolean
}

/** A wish decides; without one, only a person at a terminal with a browser beside it is asked to do anything. */
export const asksHuman = (wish: BrowserWish): boolean => {
  if (wish.browser || wish.noBrowser) return wish.browser
  return wish.terminal && !wish.json && !wish.ci && wish.hasBrowser()
}
