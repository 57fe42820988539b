/**
 * The writing end: one batch is one transaction that replaces the head and adds the rows. Who loses the head takes the
 * next turn, learns what was appended, and tries again on top of it.
 *
 * INVARIANT: what was sent once is settled: found in the log, or sent again under the same token until it is. Only the
 * head decides, so that a transaction whose answer was lost can happen once at most, whatever this node does meanwhile.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { type CredenceError, isCredenceError, type Random, toBase64url, unavailable } from '@credence/kit'
import type { CheckpointKey } from '../checkpoint.ts'
import type { LedgerSigner } from '../options.ts'
import { type Grown, growEdge } from '../tree/edge.ts'
import { hashBytes } from '../tree/hash.ts'
import { layOut, seal } from './frame.ts'
import type { Known } from './known.ts'
import { type LedgerRows, type Looking, type Owed, ROW_AT_HEAD, type RowBatch, type RowChange } from './port.ts'
import type { Placed, Window } from './window.ts'

const LOOK_BATCHES = 32
/** Whoever has the turn for longer than this, without using it, has lost it. */
const TURN_MS = 400
/** Between two looks while it is somebody else's turn. */
const PATIENCE_MS = 2
const SIGNATURE_BYTES = 64
const AGAIN_MS = [20, 50, 100, 200, 500]
/** How many batches alone until this node believes that it writes alone. */
const CALM = 16

export interface WriterDeps {
  readonly rows: LedgerRows
  readonly key: CheckpointKey
  readonly signer: LedgerSigner
  readonly random: Random
  readonly clock: { monotonic(): number }
  readonly window: Window
  /** Whether an answer is awaited that does not come. */
  readonly onDown: (error: CredenceError | undefined) => void
  readonly closing: () => boolean
}

/** One try of a batch, on one head. */
interface Try {
  readonly change: RowChange
  readonly grown: Grown
  readonly entries: readonly Uint8Array[]
  readonly leaves: readonly string[]
}

/** A batch on its way, however often it is tried. */
interface Journey {
  readonly token: string
  readonly tries: Map<number, Try>
  failures: number
  found: RowBatch | undefined
}

const NOT_YET = { failures: 0, found: undefined }

export interface RowCommitted {
  readonly first: number
  readonly size: number
  readonly root: string
  readonly signature: Uint8Array
  readonly leaves: readonly string[]
}

export interface Answered {
  /** Absent when every entry was there already. */
  readonly committed: RowCommitted | undefined
  readonly placed: readonly Placed[]
}

export class RowWriter {
  readonly #deps: WriterDeps
  readonly #writer: string
  #known: Known | undefined
  #journey: Journey | undefined
  /** Batches until this node no longer takes the turn before it tries. */
  #contended = 0
  #mine = false
  /** What the head owed when it was seen last. */
  #owed: Owed | undefined
  #turn: { readonly whose: string; readonly size: number; readonly since: number } | undefined

  constructor(deps: WriterDeps) {
    this.#deps = deps
    this.#writer = toBase64url(deps.random.bytes(9))
  }

  /** What everybody but one node is refused with meanwhile. */
  get owing(): CredenceError | undefined {
    return this.#owed === undefined ? undefined : unfinished(this.#owed)
  }

  follow(known: Known): void {
    this.#known = known
  }

  /** Told of every batch that this node takes in. */
  sawBatch(batch: RowBatch): void {
    if (this.#journey?.token === batch.token) this.#journey.found = batch
    else this.#contended = CALM
  }

  async look(known: Known, options: Pick<Looking, 'turn'> = {}): Promise<string | undefined> {
    for (;;) {
      known.mustNotBeFenced()
      const before = known.size
      const seen = await this.#deps.rows.look({ after: before, most: LOOK_BATCHES, ...options })
      known.mustNotGoBack(before, seen.head)
      this.#owed = seen.owed
      if (known.advance(seen) || seen.head.size < known.size) return seen.turn
    }
  }

  /** `adopting`: exactly these entries, on exactly this head, or nothing. */
  async commit(entries: readonly Uint8Array[], adopting?: Owed): Promise<Answered> {
    const known = this.#mustKnow()
    const journey: Journey = { token: toBase64url(this.#deps.random.bytes(12)), tries: new Map(), ...NOT_YET }
    this.#journey = journey
    try {
      if (this.#owed !== undefined && adopting === undefined) await this.#untilSeen(known, {})
      if (this.#contended > 0 && adopting === undefined) await this.#takeTurn(known, journey)
      for (;;) {
        const settled = this.#settled(known, journey, entries, adopting !== undefined)
        if (settled !== undefined) return settled
        // NOTE: nothing that was sent on this head can still happen: it owes, and no longer does when it has moved.
        if (this.#owed !== undefined && adopting === undefined) throw unfinished(this.#owed)
        if (await this.#attempt(known, journey, entries, adopting)) continue
        if (adopting !== undefined) throw moved()
        await this.#takeTurn(known, journey)
      }
    } finally {
      this.#journey = undefined
      this.#deps.onDown(undefined)
      this.#endTurn()
    }
  }

  /** From now on only `owed` is written, until all of it is there. `begins`: whether what was owed is its beginning. */
  async owe(owed: Owed, begins: (before: Owed) => Promise<boolean>): Promise<void> {
    const known = this.#mustKnow()
    const { size } = known
    await this.look(known)
    if (known.size !== size) throw moved()
    const before = this.#owed
    if (before !== undefined && !(await begins(before))) throw unfinished(before)
    if (!(await this.#deps.rows.owe(known.rowHead, owed, before ?? owed))) throw moved()
    this.#owed = owed
  }

  /** A turn that was taken and not used would keep the others waiting. */
  #endTurn(): void {
    if (this.#mine) this.#deps.rows.endTurn(this.#writer).catch(() => undefined)
    this.#mine = false
  }

  /** The answer, when nothing is left to write. */
  #settled(known: Known, journey: Journey, entries: readonly Uint8Array[], exact: boolean): Answered | undefined {
    known.mustNotBeFenced()
    const tried = journey.found === undefined ? undefined : journey.tries.get(journey.found.first)
    if (journey.found !== undefined && tried === undefined) throw strange(journey.found)
    if (exact && tried === undefined) return undefined
    const placed = this.#place(entries, tried)
    if (placed === undefined) return undefined
    return { committed: tried === undefined ? undefined : committedOf(tried), placed }
  }

  /** Where each entry is: in the batch that happened, or where it was before. Nothing while one is nowhere. */
  #place(entries: readonly Uint8Array[], tried: Try | undefined): Placed[] | undefined {
    const { window } = this.#deps
    const at = new Map(tried?.entries.map((entry, position) => [entry, position]))
    const placed: Placed[] = []
    for (const entry of entries) {
      const position = at.get(entry)
      const here =
        tried === undefined || position === undefined
          ? window.find(entry)
          : { index: tried.change.from.size + position, leaf: tried.leaves[position] ?? '' }
      if (here === undefined) return undefined
      placed.push(here)
    }
    return placed
  }

  /** True when it is decided whether the batch happened. */
  async #attempt(known: Known, journey: Journey, entries: readonly Uint8Array[], adopting?: Owed): Promise<boolean> {
    const one = await this.#tryOn(known, journey, adopting === undefined ? this.#fresh(entries) : entries, adopting)
    try {
      if (!(await this.#deps.rows.commit(one.change))) return false
    } catch (error) {
      await this.#lost(known, journey, error)
      return journey.found !== undefined
    }
    this.#mine = false
    this.#contended = Math.max(0, this.#contended - 1)
    journey.found = one.change.batch
    known.accept(one.grown, one.change.to.signature, one.change.from.size, one.entries, one.leaves)
    return true
  }

  /** The answer is lost, or there was none: nobody knows before somebody has looked. */
  async #lost(known: Known, journey: Journey, error: unknown): Promise<void> {
    if (isCredenceError(error) && error.code === ROW_AT_HEAD) throw known.rowAtHead()
    if (isBug(error)) throw error
    this.#deps.onDown(down(error))
    if (journey.failures > 0) await wait(AGAIN_MS[Math.min(journey.failures, AGAIN_MS.length) - 1])
    journey.failures += 1
    await this.#untilSeen(known, {})
    if (journey.found === undefined && this.#deps.closing()) throw unsettled(error)
  }

  /** INVARIANT: on one head a batch is made and signed once, so that it stays the same whenever it arrives. */
  async #tryOn(known: Known, journey: Journey, entries: readonly Uint8Array[], owed?: Owed): Promise<Try> {
    const before = journey.tries.get(known.size)
    if (before !== undefined) return before
    try {
      const made = await this.#prepare(known, journey, entries, owed)
      journey.tries.set(made.change.from.size, made)
      return made
    } catch (error) {
      // NOTE: what was tried on an earlier head can no longer happen, so this is a refusal and no question.
      throw down(error)
    }
  }

  /** Those that are not there yet, each once. */
  #fresh(entries: readonly Uint8Array[]): Uint8Array[] {
    const { window } = this.#deps
    const keys = new Set<string>()
    return entries.filter((entry) => {
      const key = window.keyOf(entry)
      if (key === undefined) return true
      if (keys.has(key) || window.find(entry) !== undefined) return false
      keys.add(key)
      return true
    })
  }

  async #prepare(known: Known, { token }: Journey, entries: readonly Uint8Array[], owed?: Owed): Promise<Try> {
    const { key, signer } = this.#deps
    const from = known.rowHead
    const { edge } = known.head
    const { frame, tree } = layOut(edge.range, entries)
    const grown = growEdge(edge, tree)
    const { size } = grown.edge.range
    const { root } = grown.edge
    const signature = await signer.sign(Buffer.from(key.body({ size, root }), 'utf8'))
    if (signature.length !== SIGNATURE_BYTES)
      throw new Error('the signer answered something that is not an Ed25519 signature')
    seal(frame, entries.length, { size, root, signature })
    const change: RowChange = {
      from,
      to: { size, root: hashBytes(root), signature },
      batch: { first: from.size, size, token, frame },
      tiles: grown.tiles.map(({ level, n, hashes }) => ({ level, n, hashes: hashBytes(hashes) })),
      writer: this.#writer,
      ...(owed === undefined ? {} : { owed }),
    }
    return { change, grown, entries, leaves: tree.leaves }
  }

  /**
   * Until the next head is this node's to make: it learns what was appended and asks for the turn, which nobody takes
   * from it before it had the time to use it. Of two writers none is overtaken twice in a row.
   */
  async #takeTurn(known: Known, journey: Journey): Promise<void> {
    for (;;) {
      const turn = await this.#untilSeen(known, { turn: { writer: this.#writer, ...this.#overdue() } })
      this.#mine = turn === this.#writer
      if (journey.found !== undefined || turn === undefined || this.#mine) return
      this.#watch(turn, known.size)
      await wait(PATIENCE_MS)
    }
  }

  #watch(whose: string, size: number): void {
    if (this.#turn?.whose === whose && this.#turn.size === size) return
    this.#turn = { whose, size, since: this.#deps.clock.monotonic() }
  }

  /** Whoever had the turn at this size for too long is not waited for. */
  #overdue(): { instead?: string } {
    const turn = this.#turn
    if (turn === undefined || this.#deps.clock.monotonic() - turn.since < TURN_MS) return {}
    this.#turn = undefined
    return { instead: turn.whose }
  }

  /** Looks until there is an answer; what was sent stays unsettled until then. */
  async #untilSeen(known: Known, options: Pick<Looking, 'turn'>): Promise<string | undefined> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.look(known, options)
      } catch (error) {
        known.mustNotBeFenced()
        if (isBug(error)) throw error
        this.#deps.onDown(down(error))
        if (this.#deps.closing()) throw unsettled(error)
        await wait(AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)])
      }
    }
  }

  #mustKnow(): Known {
    if (this.#known === undefined) throw new Error('the writer follows nothing')
    return this.#known
  }
}

const committedOf = ({ change, grown, leaves }: Try): RowCommitted => ({
  first: change.from.size,
  size: change.to.size,
  root: grown.edge.root,
  signature: change.to.signature,
  leaves,
})

const down = (cause: unknown): CredenceError =>
  unavailable('ledger_unavailable', 'The ledger cannot take this at the moment.', { cause, detail: String(cause) })

/** The rows have answered: what was asked of them is wrong, and nothing of it happened. */
const isBug = (error: unknown): boolean => isCredenceError(error) && error.kind === 'bug'

const unsettled = (cause: unknown): CredenceError =>
  unavailable('ledger_unsettled', 'This process ends before it knows whether this was recorded.', {
    cause,
    detail: String(cause),
  })

const strange = (batch: RowBatch): CredenceError =>
  unavailable('ledger_row_altered', 'The ledger is not what it was.', { detail: `the batch at entry ${batch.first}` })

const unfinished = ({ size, by }: Owed): CredenceError =>
  unavailable(
    'ledger_unfinished',
    `A ledger of ${size} entries is being taken over, and not all are here. Start the node that has them until it runs: ${by}.`,
    { detail: by },
  )

const moved = (): CredenceError => unavailable('ledger_moved', 'Somebody else appended to the ledger at the same time.')
