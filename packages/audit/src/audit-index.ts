import type { Ledger } from '@credence/ledger'
import type { RecordKind } from '@credence/model'
import { decodeOrNothing } from './recorder.ts'
import { type Located, recordKeys, reductionKeys, selectTask } from './trace.ts'

export type IndexedRecord = Located

export interface AuditIndex {
  /** The newest `n`, oldest first. */
  tail(n: number): Promise<readonly IndexedRecord[]>
  byKind(kind: RecordKind, n: number): Promise<readonly IndexedRecord[]>
  /** The `n` entries before this place, oldest first: page by page from the end to the beginning. */
  page(before: number, n: number): Promise<readonly IndexedRecord[]>
  /** All that belongs to the task of a txn, trace, operation, op, jti, grant, agent or record id; input of `trace()`. */
  trace(id: string): Promise<readonly IndexedRecord[]>
}

export interface AuditIndexOptions {
  /** Entries kept in memory by key; older ones are found by reading the ledger. Default 20,000. */
  readonly limit?: number
}

interface Posting {
  readonly index: number
  readonly kind: RecordKind
  readonly keys: readonly string[]
}

/** Reads the ledger when asked, not before: it costs nothing on the path of an operation. */
export const createAuditIndex = (ledger: Ledger, options: AuditIndexOptions = {}): AuditIndex => {
  const window = new Window(ledger, options.limit ?? 20_000)
  const load = async (indexes: Iterable<number>): Promise<Located[]> => {
    const found: Located[] = []
    for (const index of [...new Set(indexes)].sort((a, b) => a - b)) {
      const record = decodeOrNothing(await ledger.entry(index))
      if (record !== undefined) found.push({ index, record })
    }
    return found
  }
  const trace = async (id: string): Promise<Located[]> => {
    await window.catchUp()
    const words = (found: readonly Located[]) =>
      new Set(
        found.flatMap(({ record }) => [
          record.id,
          ...reductionKeys(record),
          ...('txn' in record && record.txn ? [record.txn] : []),
        ]),
      )
    const direct = await load([...window.find([id]), ...(await window.scanOlder([id]))])
    const intents = direct.flatMap(({ record }) => (record.kind === 'outcome' ? [record.intent] : []))
    const wanted = [...words(direct), ...intents, id]
    const task = await load([...window.find(wanted), ...(await window.scanOlder(wanted))])
    const rest = [...words(task)]
    return selectTask(
      await load([...window.find([...rest, ...wanted]), ...(await window.scanOlder([...rest, ...wanted]))]),
      id,
    )
  }
  return {
    tail: async (n) => {
      await ledger.refresh()
      return load(range(Math.max(0, ledger.size() - n), ledger.size()))
    },
    page: (before, n) => load(range(Math.max(0, Math.min(before, ledger.size()) - n), Math.min(before, ledger.size()))),
    byKind: async (kind, n) => {
      await window.catchUp()
      return load(window.ofKind(kind).slice(-Math.max(n, 1)))
    },
    trace,
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)

/** The newest entries by key. INVARIANT: holds exactly the entries from `#from` up to `#to`, at most `limit`. */
class Window {
  readonly #ledger: Ledger
  readonly #limit: number
  readonly #byKey = new Map<string, number[]>()
  readonly #postings: Posting[] = []
  #from = 0
  #to = 0
  #catching: Promise<void> | undefined

  constructor(ledger: Ledger, limit: number) {
    this.#ledger = ledger
    this.#limit = limit
  }

  catchUp(): Promise<void> {
    this.#catching ??= this.#read().finally(() => {
      this.#catching = undefined
    })
    return this.#catching
  }

  find(keys: Iterable<string>): number[] {
    return [...keys].flatMap((key) => this.#byKey.get(key) ?? [])
  }

  ofKind(kind: RecordKind): number[] {
    return this.#postings.filter((posting) => posting.kind === kind).map(({ index }) => index)
  }

  /** Entries before the window that contain one of the words; the caller looks closer. */
  async scanOlder(words: readonly string[]): Promise<number[]> {
    const found: number[] = []
    if (this.#from === 0) return found
    const needles = words.map((word) => Buffer.from(JSON.stringify(word).slice(1, -1), 'utf8'))
    for await (const { index, entry } of this.#ledger.entries(0, this.#from)) {
      const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength)
      if (needles.some((needle) => bytes.includes(needle))) found.push(index)
    }
    return found
  }

  async #read(): Promise<void> {
    await this.#ledger.refresh()
    const size = this.#ledger.size()
    if (size - this.#to > this.#limit) this.#restart(size - this.#limit)
    for await (const { index, entry } of this.#ledger.entries(this.#to, size)) {
      const record = decodeOrNothing(entry)
      if (record !== undefined) this.#add({ index, kind: record.kind, keys: recordKeys(record) })
      this.#to = index + 1
    }
    this.#shrink()
  }

  #restart(from: number): void {
    this.#byKey.clear()
    this.#postings.length = 0
    this.#from = from
    this.#to = from
  }

  #add(posting: Posting): void {
    this.#postings.push(posting)
    for (const key of posting.keys) {
      const indexes = this.#byKey.get(key)
      if (indexes === undefined) this.#byKey.set(key, [posting.index])
      else indexes.push(posting.index)
    }
  }

  #shrink(): void {
    const from = Math.max(this.#from, this.#to - this.#limit)
    const gone = this.#postings.findIndex(({ index }) => index >= from)
    for (const { index, keys } of this.#postings.splice(0, gone < 0 ? this.#postings.length : gone)) {
      for (const key of keys) this.#forget(key, index)
    }
    this.#from = from
  }

  #forget(key: string, index: number): void {
    const indexes = this.#byKey.get(key)
    if (indexes?.[0] === index) indexes.shift()
    if (indexes?.length === 0) this.#byKey.delete(key)
  }
}
