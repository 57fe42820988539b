/** What most of the authority stands on. Functions ask for a part of it (`Pick`), never for all. */
import type { Database, Statement } from '@credence/db'
import type { Clock, KeyMaker, Random } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import type { FeedChange } from '@credence/sync'
import type { Domain } from './domain/domain.ts'

export interface Core {
  readonly db: Database
  readonly domain: Domain
  readonly clock: Clock
  readonly random: Random
  readonly keys: KeyMaker
  readonly log: Logger
  /** Statements that append to the inside feed, for the batch that makes the change true. */
  readonly publish: (change: FeedChange) => readonly Statement[]
}
