/**
 * Keeps the newest checkpoint of the domain's ledger witnessed: while it grows, every other second the witnesses are asked,
 * and what enough of them cosigned is kept beside the ledger for `audit verify`.
 *
 * INVARIANT: nothing waits for a witness. What they find out (a ledger that was rolled back or rewritten) is an alert.
 */
import type { NewAlert } from '@credence/audit'
import type { SafeFetch } from '@credence/kit/fetch'
import type { Logger } from '@credence/kit/telemetry'
import type { Ledger } from '@credence/ledger'
import { askWitnesses, type KnownSizes, type WitnessPeer, type WitnessTrouble } from '@credence/ledger/witness'
import { ADD_CHECKPOINT_BYTES, type TlogPolicy } from '@credence/protocol/c2sp'

/** What enough witnesses cosigned last. */
export interface WitnessedCheckpoint {
  readonly size: number
  /** The signed checkpoint with its cosignatures. */
  readonly checkpoint: string
  /** Names of the witnesses, as in the policy. */
  readonly by: readonly string[]
}

export interface WitnessingOptions {
  readonly policy: TlogPolicy
  readonly ledger: Pick<Ledger, 'checkpoint' | 'consistencyProof' | 'refresh' | 'size'>
  readonly fetch: SafeFetch
  /** Durable before it resolves. */
  readonly keep: (checkpoint: string) => Promise<void>
  readonly alert: (alert: NewAlert) => void
  readonly log: Logger
  /** Milliseconds between rounds; default 2,000. */
  readonly everyMs?: number
}

export interface Witnessing {
  newest(): WitnessedCheckpoint | undefined
  /** One round at once. */
  round(): Promise<void>
  close(): Promise<void>
}

const EVERY_MS = 2_000
/** Rounds that are left out after one that was not enough, doubling until this. */
const MOST_LEFT_OUT = 15
const TIMEOUT_MS = 5_000

const peersOf = ({ witnesses }: TlogPolicy): readonly WitnessPeer[] =>
  witnesses.flatMap(({ name, verifier, url }) => (url === undefined ? [] : [{ name, verifier, url }]))

const poster =
  (fetch: SafeFetch) =>
  async (url: string, body: string): Promise<{ status: number; type: string; body: string }> => {
    const answer = await fetch(url, { method: 'POST', body, maxBytes: ADD_CHECKPOINT_BYTES, timeoutMs: TIMEOUT_MS })
    return {
      status: answer.status,
      type: answer.headers['content-type'] ?? '',
      body: Buffer.from(answer.bytes).toString('utf8'),
    }
  }

const REASONS = {
  knows_more:
    'A witness cosigned more of this ledger than there is here: it was rolled back, or somebody else writes with its key.',
  rewritten: 'A witness says that this ledger does not follow from what it cosigned: its history was rewritten.',
} as const

/** Each trouble is said when it begins, and again when the witness was well in between. */
const alarm = ({ alert, log }: Pick<WitnessingOptions, 'alert' | 'log'>) => {
  const said = new Map<string, WitnessTrouble['kind']>()
  const say = (trouble: WitnessTrouble): void => {
    if (trouble.kind === 'silent') {
      log.warn('witness_silent', { ...trouble })
      return
    }
    const { kind, witness, size } = trouble
    log.error('ledger_witness_disagrees', { kind, witness, size })
    alert({ kind: 'alert', code: 'ledger_witness_disagrees', reason: REASONS[kind], facts: { kind, witness, size } })
  }
  return (troubles: readonly WitnessTrouble[]): void => {
    for (const trouble of troubles) if (said.get(trouble.witness) !== trouble.kind) say(trouble)
    said.clear()
    for (const { witness, kind } of troubles) said.set(witness, kind)
  }
}

export const startWitnessing = (options: WitnessingOptions): Witnessing => {
  const { policy, ledger, keep, log, everyMs = EVERY_MS } = options
  const deps = { ledger, peers: peersOf(policy), post: poster(options.fetch) }
  const known: KnownSizes = new Map()
  const hear = alarm(options)
  let newest: WitnessedCheckpoint | undefined
  let running: Promise<void> | undefined
  let failures = 0
  let leftOut = 0

  const ask = async (): Promise<void> => {
    await ledger.refresh()
    const { size, note, cosigned, trouble } = await askWitnesses(deps, known)
    hear(await notByOthers(trouble))
    const accepted = cosigned.size > 0 && policy.enough(cosigned)
    failures = accepted ? 0 : failures + 1
    if (!accepted || size < (newest?.size ?? 0)) return
    await keep(note)
    newest = { size, checkpoint: note, by: [...cosigned] }
  }

  /** Another node of this domain may have shown the witness more than this one knew. */
  const notByOthers = async (trouble: readonly WitnessTrouble[]): Promise<readonly WitnessTrouble[]> => {
    if (!trouble.some(({ kind }) => kind === 'knows_more')) return trouble
    await ledger.refresh()
    return trouble.filter((one) => one.kind !== 'knows_more' || one.size > ledger.size())
  }

  const round = (): Promise<void> => {
    running ??= ask()
      .catch((error: unknown) => {
        failures += 1
        log.warn('witnessing_failed', { detail: String(error) })
      })
      .finally(() => {
        running = undefined
      })
    return running
  }

  const timer = setInterval(() => {
    if (ledger.size() === newest?.size) return
    leftOut += 1
    if (leftOut <= Math.min(2 ** failures - 1, MOST_LEFT_OUT)) return
    leftOut = 0
    void round()
  }, everyMs).unref()

  return {
    newest: () => newest,
    round,
    close: async () => {
      clearInterval(timer)
      await running
    },
  }
}
