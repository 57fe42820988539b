/** For a resource server without a ledger: records as lines of canonical JSON, wherever `append` puts them. */
import { type Clock, newId, type Random } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'
import type { DomainId } from '@credence/model'
import type { NewIntent, NewOutcome, NewRefusal, Recorder } from './ports.ts'

export interface LogRecorderOptions {
  readonly domain: DomainId
  /** Name of this process in its records. */
  readonly emitter: string
  /** INVARIANT: resolves when the line is as durable as the owner of this server wants it; rejects otherwise. */
  readonly append: (line: string) => Promise<void>
  /** Told when an outcome or a refusal could not be written; an intent that cannot be written refuses its operation. */
  readonly onError: (error: unknown) => void
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

/** NOTE: no hash tree, no proof: whoever can write the file can change it unnoticed. A domain's ledger is better. */
export const createLogRecorder = (options: LogRecorderOptions): Recorder => {
  let seq = 0
  const write = async (entry: NewIntent | NewOutcome | NewRefusal) => {
    const id = newId('rec', options.random)
    const { domain, emitter, clock } = options
    const index = seq++
    await options.append(`${canonicalize({ v: 1, id, at: clock.now(), domain, emitter, seq: index, ...entry })}\n`)
    return { id, index, leaf: '' }
  }
  return {
    intent: write,
    outcome: (entry) => void write(entry).catch(options.onError),
    refusal: (entry) => void write(entry).catch(options.onError),
  }
}
