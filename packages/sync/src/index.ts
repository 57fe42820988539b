export { createStoreSource, type FeedStore, type StoreSourceOptions } from './feed-store.ts'
export { createFollower, type Follower, type FollowerOptions, type Lease } from './follower.ts'
export {
  createRevocationIndex,
  type RevocationHandle,
  type RevocationIndex,
  type RevocationIndexOptions,
  revokedKeysOf,
} from './revocation-index.ts'
export {
  createTaskMarker,
  TASK_AHEAD_MS,
  TASK_KEEP_MS,
  type TaskMarker,
  type TaskMarkerOptions,
} from './task-marker.ts'
export { createTaskMarks, type TaskMark, type TaskMarks, type TaskMarksOptions } from './task-marks.ts'
export type { FeedChange, FeedEntry, FeedSource } from './types.ts'
export {
  createFeedHandler,
  createHttpFeedSource,
  type FeedSend,
  feedWire,
  type HttpFeedSourceOptions,
  type PollAnswer,
  type PollQuestion,
} from './wire.ts'
