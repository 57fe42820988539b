/** The authority's end of `POST /v1/records`. */
import { isCredenceError, refused, toBase64url } from '@credence/kit'
import type { Ledger } from '@credence/ledger'
import type { DomainId, LedgerRecord } from '@credence/model'
import { leafHash } from '@credence/protocol/rfc9162'
import type { Receipt } from './ports.ts'
import { checkRecord, encodeRecord } from './record.ts'
import { decodeOrNothing } from './recorder.ts'
import { emitterName } from './recorder-core.ts'

export type IntakeAnswer =
  | ({ readonly id: string; readonly ok: true } & Receipt)
  /** `retry`: the same record may be sent again. */
  | { readonly id: string; readonly ok: false; readonly code: string; readonly retry: boolean }

export interface IntakeOptions {
  readonly ledger: Ledger
  readonly domain: DomainId
  /** How many record ids are remembered, so that a retry gets its first answer again. Default 20,000. */
  readonly remember?: number
}

export interface Intake {
  /**
   * Checks schema, domain, emitter and secrets of each record and appends it; resolves when all are durable or refused.
   * `emitterAllowed`: may the authenticated node write as this emitter (its name, without the run)?
   */
  acceptRecords(
    batch: unknown,
    may: { readonly emitterAllowed: (emitter: string) => boolean },
  ): Promise<readonly IntakeAnswer[]>
}

const MAX_BATCH = 1_000
/** A node records what it did; reductions and epochs are acts of the authority alone. */
const KINDS: readonly LedgerRecord['kind'][] = ['intent', 'outcome', 'refusal', 'alert']

interface Remembered {
  readonly leaf: string
  readonly receipt: Promise<Receipt>
}

/** Reads the end of the ledger first, so that a retry across a restart of the authority is recognised. */
export const createIntake = async (options: IntakeOptions): Promise<Intake> => {
  const { ledger, remember = 20_000 } = options
  const seen = new Map<string, Remembered>()
  const note = (id: string, remembered: Remembered): void => {
    seen.set(id, remembered)
    if (seen.size > remember) seen.delete(seen.keys().next().value ?? '')
  }
  for await (const { index, entry } of ledger.entries(Math.max(0, ledger.size() - remember), ledger.size())) {
    const record = decodeOrNothing(entry)
    const leaf = toBase64url(leafHash(entry))
    if (record !== undefined) note(record.id, { leaf, receipt: Promise.resolve({ index, leaf }) })
  }
  const append = (record: LedgerRecord): Promise<Receipt> => {
    const bytes = encodeRecord(record)
    const leaf = toBase64url(leafHash(bytes))
    const before = seen.get(record.id)
    if (before !== undefined) {
      if (before.leaf !== leaf) throw conflict()
      return before.receipt
    }
    const receipt = ledger.append(bytes).then(({ index, leafHash: there }) => {
      // Another node may have taken a record of this id meanwhile: only the same one is acknowledged.
      if (toBase64url(there) !== leaf) throw conflict()
      return { index, leaf }
    })
    receipt.catch(() => seen.delete(record.id))
    note(record.id, { leaf, receipt })
    return receipt
  }
  return {
    acceptRecords: async (batch, { emitterAllowed }) => {
      if (!Array.isArray(batch) || batch.length === 0 || batch.length > MAX_BATCH) {
        throw refused('records_malformed', `From 1 to ${MAX_BATCH} records are wanted.`, { status: 400 })
      }
      return Promise.all(batch.map((value: unknown) => acceptOne(value, options.domain, emitterAllowed, append)))
    },
  }
}

const conflict = () => refused('record_conflict', 'Another record has this id.', { status: 409 })

const acceptOne = async (
  value: unknown,
  domain: DomainId,
  emitterAllowed: (emitter: string) => boolean,
  append: (record: LedgerRecord) => Promise<Receipt>,
): Promise<IntakeAnswer> => {
  let id = ''
  try {
    const record = checkRecord(value)
    id = record.id
    if (record.domain !== domain) throw refused('record_other_domain', 'The record is of another domain.')
    if (!KINDS.includes(record.kind)) throw refused('record_kind', 'A node does not write records of this kind.')
    if (!emitterAllowed(emitterName(record.emitter)))
      throw refused('record_emitter', 'The record names another emitter.')
    return { id, ok: true, ...(await append(record)) }
  } catch (error) {
    if (!isCredenceError(error)) throw error
    return { id, ok: false, code: error.code, retry: error.kind === 'unavailable' }
  }
}
