/** Is the ledger sound, do its records make sense, and who else vouches for it? Three answers, never one. */
import type { KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { bug, isCredenceError, refused } from '@credence/kit'
import { type LedgerVerdict, type VerifyOptions, verifyLedger } from '@credence/ledger'
import { type JudgeOptions, judgeWitnesses, mustNameWitnesses, type Witnessed } from '@credence/ledger/witness'
import type { LedgerRecord } from '@credence/model'
import { parseVerifierKey } from '@credence/protocol/c2sp'
import { decodeRecord } from './record.ts'
import { explainedBy, type NumberRange } from './unused-numbers.ts'

export interface Finding {
  readonly kind:
    | 'malformed'
    | 'other_domain'
    | 'sequence_gap'
    | 'duplicate_id'
    | 'no_outcome'
    | 'no_intent'
    /** What lies beside the ledger as the checkpoint of its witnesses is none that counts. */
    | 'witnessed_broken'
  readonly index: number
  readonly detail: string
}

export interface AuditVerdict {
  /** Is what was recorded still what is there? */
  readonly ledger: LedgerVerdict
  readonly records: number
  readonly kinds: Readonly<Record<string, number>>
  /** What a reader should ask about; at most 1,000. A `no_outcome` may be a call that is still running. */
  readonly findings: readonly Finding[]
  /** `unwitnessed`: nobody but the holder of the ledger's key has vouched for this history. */
  readonly witnessed: Witnessed | 'unwitnessed'
  /** Sound bytes and no finding except calls without outcome. */
  readonly sound: boolean
}

export interface AuditVerifyOptions extends Omit<VerifyOptions, 'onEntry'> {
  readonly domain?: string
  /** Whose cosignatures count: of the checkpoint in the file `witnessed` of the folder. Needs a key with a name. */
  readonly witnesses?: JudgeOptions
}

/** In the folder of a ledger: the newest checkpoint that its witnesses cosigned. */
export const WITNESSED_FILE = 'witnessed'

const MOST_NOTE_BYTES = 1_048_576

/** Foreign folders may hold anything under this name: only a file, and only a short one, is read. */
const witnessedNote = async (dir: string): Promise<string | undefined> => {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(join(dir, WITNESSED_FILE), constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const about = await handle.stat()
    if (!about.isFile() || about.size > MOST_NOTE_BYTES) throw refused('witnessed_no_note', 'It is no note.')
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

interface Judged {
  /** Only one that is good is held against the entries. */
  readonly note?: string
  readonly witnessed: AuditVerdict['witnessed']
  readonly broken?: string
}

/** INVARIANT: read before the entries, so that a ledger that grows meanwhile cannot look truncated. */
const judged = async (dir: string, key: KeyObject | string, witnesses: JudgeOptions | undefined): Promise<Judged> => {
  if (witnesses === undefined) return { witnessed: 'unwitnessed' }
  if (typeof key !== 'string') throw bug('verify_key', 'witnesses are counted for a key with a name')
  mustNameWitnesses(witnesses)
  const log = parseVerifierKey(key.trim())
  try {
    const note = await witnessedNote(dir)
    if (note === undefined) return { witnessed: 'unwitnessed' }
    const found = judgeWitnesses(note, log, witnesses)
    return { note, witnessed: found.by.length === 0 ? 'unwitnessed' : found }
  } catch (error) {
    if (!isCredenceError(error) || error.code === 'log_not_in_policy') throw error
    return { witnessed: 'unwitnessed', broken: error.message }
  }
}

const MAX_FINDINGS = 1_000

export const verifyAudit = async (
  dir: string,
  key: KeyObject | string,
  options: AuditVerifyOptions = {},
): Promise<AuditVerdict> => {
  const reading = new Reading(options.domain)
  const { note, witnessed, broken } = await judged(dir, key, options.witnesses)
  if (broken !== undefined) reading.broken(broken)
  const ledger = await verifyLedger(dir, key, {
    ...options,
    against: [options.against ?? [], note ?? []].flat(),
    onEntry: (index, entry) => reading.entry(index, entry),
  })
  const findings = reading.finish()
  const sound = ledger.sound && findings.every(({ kind }) => kind === 'no_outcome')
  return { ledger, records: reading.records, kinds: reading.kinds, findings, witnessed, sound }
}

/** One set of the engine holds some sixteen million: so many sets as are needed. */
class ManyIds {
  readonly #sets = [new Set<string>()]

  /** Whether it was not there yet. */
  add(id: string): boolean {
    if (this.#sets.some((ids) => ids.has(id))) return false
    const last = this.#sets.at(-1)
    if (last === undefined || last.size >= 8_000_000) this.#sets.push(new Set([id]))
    else last.add(id)
    return true
  }
}

/** Numbers that are missed and may still come, of all emitters together. */
const MOST_MISSING = 1_000_000

/** In as many steps as there are numbers in the range or missing, whichever is less. */
function* missingIn(missing: ReadonlySet<number>, [first, last]: NumberRange): Generator<number> {
  if (missing.size < last - first) {
    for (const number of missing) if (number >= first && number <= last) yield number
    return
  }
  for (let number = first; number <= last; number += 1) yield number
}

class Reading {
  records = 0
  readonly kinds: Record<string, number> = {}
  readonly #domain: string | undefined
  readonly #findings: Finding[] = []
  readonly #ids = new ManyIds()
  readonly #seqs = new Map<string, { highest: number; missing: Set<number>; index: number }>()
  #missing = 0
  readonly #open = new Map<string, number>()
  readonly #early = new Map<string, number>()

  constructor(domain: string | undefined) {
    this.#domain = domain
  }

  entry(index: number, entry: Uint8Array): void {
    let record: LedgerRecord
    try {
      record = decodeRecord(entry)
    } catch (error) {
      this.#find('malformed', index, isCredenceError(error) ? (error.detail ?? error.code) : String(error))
      return
    }
    this.records += 1
    this.kinds[record.kind] = (this.kinds[record.kind] ?? 0) + 1
    if (this.#domain !== undefined && record.domain !== this.#domain) this.#find('other_domain', index, record.domain)
    if (!this.#ids.add(record.id)) this.#find('duplicate_id', index, record.id)
    this.#sequence(index, record)
    this.#explain(record)
    this.#pair(index, record)
  }

  broken(detail: string): void {
    this.#find('witnessed_broken', 0, detail)
  }

  finish(): readonly Finding[] {
    for (const [emitter, { missing, index }] of this.#seqs) {
      if (missing.size > 0) this.#find('sequence_gap', index, `${emitter}: ${[...missing].slice(0, 10).join(', ')}`)
    }
    for (const [id, index] of this.#early) this.#find('no_intent', index, id)
    for (const [id, index] of this.#open) this.#find('no_outcome', index, id)
    return this.#findings
  }

  /** INVARIANT: only what is missing already is explained. What a node says in advance explains nothing. */
  #explain(record: LedgerRecord): void {
    const missing = this.#seqs.get(record.emitter)?.missing
    if (missing === undefined) return
    for (const range of explainedBy(record)) {
      for (const number of missingIn(missing, range)) if (missing.delete(number)) this.#missing -= 1
    }
  }

  /** Records of one emitter may overtake each other, so that a gap counts only if it never fills. */
  #sequence(index: number, { emitter, seq }: LedgerRecord): void {
    const at = this.#seqs.get(emitter) ?? { highest: 0, missing: new Set<number>(), index }
    this.#seqs.set(emitter, at)
    if (at.missing.delete(seq)) this.#missing -= 1
    const gap = seq - at.highest - 1
    if (gap > 100_000 || gap + this.#missing > MOST_MISSING)
      this.#find('sequence_gap', index, `${emitter}: ${at.highest} to ${seq}`)
    else {
      for (let missed = at.highest + 1; missed < seq; missed += 1) at.missing.add(missed)
      this.#missing += Math.max(0, gap)
    }
    at.highest = Math.max(at.highest, seq)
    at.index = index
  }

  #pair(index: number, record: LedgerRecord): void {
    if (record.kind === 'intent' && !this.#early.delete(record.id)) this.#open.set(record.id, index)
    if (record.kind === 'outcome' && !this.#open.delete(record.intent)) this.#early.set(record.intent, index)
  }

  #find(kind: Finding['kind'], index: number, detail: string): void {
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push({ kind, index, detail })
  }
}
