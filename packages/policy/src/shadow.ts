/**
 * A sample of decisions asked again of cedar-wasm, in a worker, after they were made. A difference is an alert: one of
 * the two engines is wrong, and what was decided stays what it was.
 */
import { isCredenceError, type Random } from '@credence/kit'
import { type CedarLane, createCedarLane } from './cedar/lane.ts'
import type { CedarUid } from './cedar/messages.ts'
import { requestJson } from './cedar/question.ts'
import type { CedarQuestion } from './compile/entities.ts'
import type { Verdict } from './compile/program.ts'
import type { PolicySnapshot, PolicyView } from './snapshot.ts'

/** What one engine said, sorted. */
export interface Said {
  readonly allow: boolean
  readonly reasons: readonly string[]
  /** Policy and kind of failure. */
  readonly errors: readonly string[]
}

/** Ids only: attributes and arguments stay where they are. */
export interface ShadowDifference {
  readonly version: string
  readonly view: PolicyView
  readonly principal: CedarUid
  readonly action: CedarUid
  readonly resource: CedarUid
  readonly ours: Said
  readonly theirs: Said
}

export interface ShadowCounts {
  readonly checked: number
  readonly different: number
  /** cedar-wasm does not take the question: text that is not well-formed, or too deep. */
  readonly declined: number
  /** More were waiting than may; the sample is smaller than asked for. */
  readonly dropped: number
}

export interface ShadowCheck {
  /** After a decision; never throws and never waits. */
  observe(snapshot: PolicySnapshot, view: PolicyView, question: CedarQuestion, verdict: Verdict): void
  readonly counts: ShadowCounts
  /** Resolves when everything that was sampled is compared. */
  settled(): Promise<void>
  /** Ends the worker and observes nothing more. */
  close(): Promise<void>
}

export interface ShadowOptions {
  /** One decision of so many is checked; 1: each. */
  readonly oneIn: number
  readonly random: Random
  readonly onDifference: (difference: ShadowDifference) => void
  /** The check itself failed. */
  readonly onError?: (error: unknown) => void
  /** How many may wait for the worker; default 64. */
  readonly waiting?: number
  /** After so many milliseconds without a sample the worker is ended, and its memory is free; default 60,000. */
  readonly idleMs?: number
  readonly lane?: ShadowLane
}

type ShadowLane = Pick<CedarLane, 'authorize'> & Partial<Pick<CedarLane, 'close'>>

const said = ({ allow, reasons, errors }: Verdict): Said => ({
  allow,
  reasons: [...reasons].sort(),
  errors: errors.map(({ policy, kind }) => `${policy}: ${kind}`).sort(),
})

/**
 * NOTE: a forbid that is left over by `unknown` takes the reasons from cedar-wasm's permission, though not the
 * permission; there is no other permission without a reason.
 */
const sameReasons = (ours: Said, theirs: Said): boolean =>
  (theirs.allow && theirs.reasons.length === 0 && theirs.errors.length > 0) ||
  ours.reasons.join('\n') === theirs.reasons.join('\n')

const same = (ours: Said, theirs: Said): boolean =>
  ours.allow === theirs.allow && sameReasons(ours, theirs) && ours.errors.join('\n') === theirs.errors.join('\n')

/** One position in each window of `oneIn`, which nobody outside can know. */
const sampler = (oneIn: number, random: Random): (() => boolean) => {
  let at = 0
  let chosen = 0
  const choose = (): number => Buffer.from(random.bytes(4)).readUInt32LE() % oneIn
  return () => {
    if (at === 0) chosen = choose()
    const hit = at === chosen
    at = (at + 1) % oneIn
    return hit
  }
}

/** The engine's own trouble with a question, or our own end: no sign of a difference. */
const DECLINED: ReadonlySet<string> = new Set(['cedar_declined', 'cedar_trapped', 'cedar_ended'])

class Shadow implements ShadowCheck {
  checked = 0
  different = 0
  declined = 0
  dropped = 0
  readonly #options: ShadowOptions
  readonly #lane: ShadowLane
  readonly #sampled: () => boolean
  readonly #open = new Set<Promise<void>>()
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ShadowOptions) {
    if (!Number.isSafeInteger(options.oneIn) || options.oneIn < 1) throw new TypeError('oneIn is a whole number from 1')
    this.#options = options
    this.#lane = options.lane ?? createCedarLane(10_000)
    this.#sampled = sampler(options.oneIn, options.random)
  }

  get counts(): ShadowCounts {
    const { checked, different, declined, dropped } = this
    return { checked, different, declined, dropped }
  }

  observe(snapshot: PolicySnapshot, view: PolicyView, question: CedarQuestion, verdict: Verdict): void {
    try {
      if (this.#closed || !this.#sampled()) return
      if (this.#open.size >= (this.#options.waiting ?? 64)) {
        this.dropped++
        return
      }
      const check = this.#check(snapshot, view, question, said(verdict)).finally(() => this.#done(check))
      this.#open.add(check)
    } catch (error) {
      this.#failed(error)
    }
  }

  async settled(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#idle)
    await this.#lane.close?.()
    await this.settled()
  }

  #done(check: Promise<void>): void {
    this.#open.delete(check)
    clearTimeout(this.#idle)
    if (this.#open.size > 0 || this.#closed) return
    this.#idle = setTimeout(() => void this.#lane.close?.(), this.#options.idleMs ?? 60_000).unref()
  }

  async #check(snapshot: PolicySnapshot, view: PolicyView, question: CedarQuestion, ours: Said): Promise<void> {
    try {
      const request = requestJson(question)
      const theirs = said(await this.#lane.authorize(snapshot.oracle(view), request))
      this.checked++
      if (same(ours, theirs)) return
      this.different++
      const { principal, action, resource } = request
      this.#options.onDifference({ version: snapshot.version, view, principal, action, resource, ours, theirs })
    } catch (error) {
      if (isCredenceError(error) && DECLINED.has(error.code)) this.declined++
      else this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    try {
      this.#options.onError?.(error)
    } catch {
      // Whoever logs must not disturb a decision.
    }
  }
}

export const createShadowCheck = (options: ShadowOptions): ShadowCheck => new Shadow(options)

/** The same snapshot, its answers observed: for whoever asks it without `createDecider`. */
export const shadowed = (snapshot: PolicySnapshot, shadow: Pick<ShadowCheck, 'observe'>): PolicySnapshot => ({
  ...snapshot,
  evaluate: (question, view) => {
    const heard = (verdict: Verdict): Verdict => {
      shadow.observe(snapshot, view, question, verdict)
      return verdict
    }
    const given = snapshot.evaluate(question, view)
    return given instanceof Promise ? given.then(heard) : heard(given)
  },
})
