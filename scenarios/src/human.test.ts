import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { asksHuman, createHuman, enterOf, type HumanDeps, NOBODY } from './human.ts'

const never = (): Promise<never> => new Promise(() => {})
const LINK = 'http://localhost:1/setup#x'

const lab = (overrides: Partial<HumanDeps> = {}) => {
  const said: string[] = []
  const opened: string[] = []
  const human = createHuman({
    open: async (url) => opened.push(url) > 0,
    say: (line) => said.push(line),
    enter: never,
    patienceMs: 60_000,
    ...overrides,
  })
  return { human, said, opened }
}

describe('a person is waited for', () => {
  test('and what they did is the answer; the link is shown and opened', async () => {
    const { human, said, opened } = lab()
    const answer = await human.ask({ lines: ['Look there.'], link: LINK, done: async () => 'yes' })
    assert.equal(answer, 'yes')
    assert.deepEqual(opened, [LINK])
    assert.equal(said[0], 'Look there.')
    assert.match(said[1] ?? '', /^waiting for you in the browser: http:\/\/localhost:1\/setup#x ; press Enter/)
    assert.equal(human.present, true)
  })

  test('until they press Enter; then they are not asked again', async () => {
    const { human, opened } = lab({ enter: async () => {} })
    assert.equal(await human.ask({ lines: [], link: LINK, done: never }), undefined)
    assert.equal(human.present, false)
    assert.equal(await human.ask({ lines: [], link: LINK, done: async () => 'late' }), undefined)
    assert.equal(opened.length, 1)
  })

  test('until the deadline; whoever watches for their answer is told to stop', async () => {
    const { human, said } = lab({ patienceMs: 20 })
    let stopped = false
    const done = (signal: AbortSignal): Promise<never> => {
      signal.addEventListener('abort', () => {
        stopped = true
      })
      return never()
    }
    assert.equal(await human.ask({ lines: [], link: LINK, done }), undefined)
    assert.match(said.at(-1) ?? '', /Nobody came/)
    assert.equal(stopped, true)
  })

  test('also where no browser opens: the link is there to be copied', async () => {
    const { human, said } = lab({ open: async () => false })
    assert.equal(await human.ask({ lines: [], link: LINK, done: async () => 1 }), 1)
    assert.match(said[0] ?? '', /open the link yourself/)
  })

  test('a failure of what they were to do is a failure, not a yes', async () => {
    const { human } = lab()
    await assert.rejects(
      human.ask({ lines: [], link: LINK, done: () => Promise.reject(new Error('denied')) }),
      /denied/,
    )
  })

  test('and nobody is nobody', async () => {
    assert.equal(await NOBODY.ask({ lines: [], link: LINK, done: async () => 1 }), undefined)
    assert.equal(NOBODY.present, false)
  })
})

describe('Enter', () => {
  const input = () => new PassThrough() as unknown as NodeJS.ReadStream & PassThrough
  const settled = async (promise: Promise<void>): Promise<boolean> => {
    const waiting = Symbol()
    await new Promise((resolve) => setTimeout(resolve, 20))
    return (await Promise.race([promise, Promise.resolve(waiting)])) !== waiting
  }

  test('is a line, not a letter and not the end of the input', async () => {
    const stream = input()
    const pressed = enterOf(stream)(new AbortController().signal)
    stream.write('y')
    assert.equal(await settled(pressed), false)
    stream.write('\n')
    assert.equal(await settled(pressed), true)
    const ended = input()
    const other = enterOf(ended)(new AbortController().signal)
    ended.end()
    assert.equal(await settled(other), false)
  })

  test('is not listened for when nobody waits', () => {
    const stream = input()
    const over = new AbortController()
    void enterOf(stream)(over.signal)
    assert.equal(stream.listenerCount('data'), 1)
    over.abort()
    assert.equal(stream.listenerCount('data'), 0)
    assert.equal(stream.isPaused(), true)
  })
})

describe('whether a person is asked', () => {
  const wish = { browser: false, noBrowser: false, json: false, terminal: true, ci: false, hasBrowser: () => true }

  test('by itself only at a terminal with a browser', () => {
    assert.equal(asksHuman(wish), true)
    assert.equal(asksHuman({ ...wish, terminal: false }), false)
    assert.equal(asksHuman({ ...wish, json: true }), false)
    assert.equal(asksHuman({ ...wish, ci: true }), false)
    assert.equal(asksHuman({ ...wish, hasBrowser: () => false }), false)
  })

  test('a flag decides', () => {
    assert.equal(asksHuman({ ...wish, noBrowser: true }), false)
    const nothing = { json: true, terminal: false, ci: true, hasBrowser: () => false }
    assert.equal(asksHuman({ ...wish, ...nothing, browser: true }), true)
  })
})
