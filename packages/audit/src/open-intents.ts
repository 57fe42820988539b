import type { Clock } from '@credence/kit'
import type { IntentRecord } from '@credence/model'
import type { OpenIntent } from './ports.ts'

type Kept = Pick<IntentRecord, 'id' | 'operation' | 'deadline' | 'resource' | 'method' | 'name'>

/** Intents that still want an outcome, in the order in which they were recorded. */
export class OpenIntents {
  readonly #clock: Pick<Clock, 'now'>
  readonly #open = new Map<string, Kept>()
  readonly #reported = new Set<string>()
  /** Outcomes that came before their intent was acknowledged here. */
  readonly #early = new Set<string>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  opened({ id, operation, deadline, resource, method, name }: IntentRecord): void {
    if (!this.#early.delete(id)) this.#open.set(id, { id, operation, deadline, resource, method, name })
  }

  closed(intent: string): void {
    this.#reported.delete(intent)
    if (this.#open.delete(intent)) return
    this.#early.add(intent)
    if (this.#early.size > 1_000) this.#early.delete(this.#early.values().next().value ?? '')
  }

  list(): OpenIntent[] {
    const now = this.#clock.now()
    return [...this.#open.values()].map((intent) => ({ ...intent, overdue: intent.deadline < now }))
  }

  /** Each overdue intent once. */
  newlyOverdue(): OpenIntent[] {
    const found = this.list().filter(({ id, overdue }) => overdue && !this.#reported.has(id))
    for (const { id } of found) this.#reported.add(id)
    return found
  }
}
