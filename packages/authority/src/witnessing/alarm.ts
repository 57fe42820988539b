/** What witnesses find out about our ledger, said where somebody looks: once an hour for each witness and kind. */
import type { NewAlert } from '@credence/audit'
import type { Clock } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import type { WitnessTrouble } from '@credence/ledger/witness'

export interface AlarmDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
  readonly alert: (alert: NewAlert) => void
}

const EVERY_MS = 3_600_000

/** What a witness says is a claim: whoever looks compares the checkpoint that it shows to monitors. */
const REASONS = {
  knows_more:
    'A witness claims to have cosigned more of this ledger than there is here: it was rolled back, or somebody else writes with its key, or the witness lies.',
  rewritten:
    'A witness claims that this ledger does not follow from what it cosigned: its history was rewritten, or the witness lies.',
} as const

/** INVARIANT: a witness that says something else every time cannot fill the ledger with alerts. */
export const createAlarm = ({ clock, log, alert }: AlarmDeps) => {
  const said = new Map<string, number>()
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
    for (const trouble of troubles) {
      const key = `${trouble.kind} ${trouble.witness}`
      if (clock.now() - (said.get(key) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) continue
      said.set(key, clock.now())
      say(trouble)
    }
  }
}
