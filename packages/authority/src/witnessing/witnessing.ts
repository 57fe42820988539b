/**
 * Keeps the newest checkpoint of the domain's ledger witnessed: while it grows, every other second the witnesses are asked,
 * and what enough of them cosigned is kept beside the ledger for `audit verify`.
 *
 * INVARIANT: nothing waits for a witness. What they find out (a ledger that was rolled back or rewritten) is an alert, and
 * what was witnessed once is never replaced by less.
 */
import type { SafeFetch } from '@credence/kit/fetch'
import {
  askWitnesses,
  type KnownSizes,
  type WitnessPeer,
  type WitnessReply,
  type WitnessTrouble,
  withCosignatures,
} from '@credence/ledger/witness'
import { ADD_CHECKPOINT_BYTES, type NoteSignature, type TlogPolicy } from '@credence/protocol/c2sp'
import { type AlarmDeps, createAlarm } from './alarm.ts'
import { judgeKept, readKept, type WitnessedCheckpoint, type WitnessedLedger } from './kept.ts'
import { createPatience } from './patience.ts'

/** Who is asked, and how they are reached. */
export interface WitnessesConfig {
  readonly policy: TlogPolicy
  /** Reaches the URLs of the policy. Closed with the witnessing. */
  readonly fetch: SafeFetch & { close?(): Promise<void> }
}

export interface WitnessingOptions extends WitnessesConfig, AlarmDeps {
  readonly ledger: WitnessedLedger
  /** What an earlier run kept. */
  readonly kept: () => Promise<string | undefined>
  /** Durable before it resolves. */
  readonly keep: (checkpoint: string) => Promise<void>
  /** Milliseconds between turns; default 2,000. */
  readonly everyMs?: number
}

export interface Witnessing {
  newest(): WitnessedCheckpoint | undefined
  /** One turn at once; also the first, which looks at what was kept. */
  round(): Promise<void>
  close(): Promise<void>
}

const EVERY_MS = 2_000
const TIMEOUT_MS = 5_000

const peersOf = ({ witnesses }: TlogPolicy): readonly WitnessPeer[] =>
  witnesses.flatMap(({ name, verifier, url }) => (url === undefined ? [] : [{ name, verifier, url }]))

const poster =
  (fetch: SafeFetch) =>
  async (url: string, body: string): Promise<WitnessReply> => {
    const answer = await fetch(url, { method: 'POST', body, maxBytes: ADD_CHECKPOINT_BYTES, timeoutMs: TIMEOUT_MS })
    return { status: answer.status, body: Buffer.from(answer.bytes).toString('utf8') }
  }

/** What was cosigned of the checkpoint that is asked about. */
interface Held {
  readonly checkpoint: string
  readonly cosignatures: Map<string, NoteSignature>
}

/** What is witnessed so far, and what of the newest checkpoint is. */
class State {
  newest: WitnessedCheckpoint | undefined
  #held: Held = { checkpoint: '', cosignatures: new Map() }

  /** Cosignatures of an older checkpoint count for nothing newer. */
  at(checkpoint: string): Held {
    if (this.#held.checkpoint !== checkpoint) this.#held = { checkpoint, cosignatures: new Map() }
    return this.#held
  }

  /** The held checkpoint, if it is witnessed enough and not less than what was. */
  acceptable({ policy }: WitnessesConfig, size: number): WitnessedCheckpoint | undefined {
    const { checkpoint, cosignatures } = this.#held
    const by = new Set(cosignatures.keys())
    if (by.size === 0 || !policy.enough(by) || size < (this.newest?.size ?? 0)) return undefined
    return { size, checkpoint: withCosignatures(checkpoint, cosignatures.values()), by: [...by] }
  }
}

/** Goes on from what an earlier run kept, and says when the ledger that is here does not. */
const begin = async (
  state: State,
  { kept, ledger, policy, log }: WitnessingOptions,
  hear: (troubles: readonly WitnessTrouble[]) => void,
): Promise<void> => {
  const checkpoint = await kept()
  if (checkpoint === undefined) return
  const found = readKept(checkpoint, ledger, policy)
  state.newest = found
  if (found === undefined) {
    log.warn('witnessed_not_usable')
    return
  }
  const trouble = await judgeKept(found, ledger)
  if (trouble !== undefined) hear([trouble])
}

/** Another node of this domain may have shown the witness more than this one knew. */
const notByOthers = async (
  trouble: readonly WitnessTrouble[],
  ledger: WitnessedLedger,
): Promise<readonly WitnessTrouble[]> => {
  if (!trouble.some(({ kind }) => kind === 'knows_more')) return trouble
  await ledger.refresh()
  return trouble.filter((one) => one.kind !== 'knows_more' || one.size > ledger.size())
}

export const startWitnessing = (options: WitnessingOptions): Witnessing => {
  const { ledger, log, everyMs = EVERY_MS } = options
  const peers = peersOf(options.policy)
  const deps = { ledger, post: poster(options.fetch), now: () => options.clock.now() }
  const known: KnownSizes = new Map()
  const hear = createAlarm(options)
  const patience = createPatience()
  const state = new State()
  let begun = false
  let running: Promise<void> | undefined

  const ask = async (): Promise<void> => {
    if (!begun) await begin(state, options, hear)
    begun = true
    await ledger.refresh()
    const due = patience.due(peers, new Set(state.at(ledger.checkpoint()).cosignatures.keys()))
    if (due.length === 0) return
    const { size, checkpoint, cosignatures, trouble } = await askWitnesses({ ...deps, peers: due }, known)
    for (const [name, cosignature] of cosignatures) state.at(checkpoint).cosignatures.set(name, cosignature)
    patience.heard(due, new Set(cosignatures.keys()))
    hear(await notByOthers(trouble, ledger))
    const accepted = cosignatures.size > 0 ? state.acceptable(options, size) : undefined
    if (accepted === undefined) return
    await options.keep(accepted.checkpoint)
    state.newest = accepted
  }

  const round = (): Promise<void> => {
    running ??= ask()
      .catch((error: unknown) => log.warn('witnessing_failed', { detail: String(error) }))
      .finally(() => {
        running = undefined
      })
    return running
  }

  const timer = setInterval(() => void round(), everyMs).unref()
  return {
    newest: () => state.newest,
    round,
    close: async () => {
      clearInterval(timer)
      await running
      await options.fetch.close?.()
    },
  }
}
