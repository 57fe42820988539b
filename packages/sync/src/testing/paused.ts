/** A node that says when its thread was paused, and what its lease is in that very moment. For a test that pauses it. */
import { nodeClock } from '@credence/kit/node'
import type { DomainId } from '@credence/model'
import { createStoreSource } from '../feed-store.ts'
import { createFollower } from '../follower.ts'
import { createRevocationIndex } from '../revocation-index.ts'
import { memoryFeed } from './memory-feed.ts'

const domain = `dom_${'A'.repeat(22)}` as DomainId
const source = createStoreSource(memoryFeed(domain, Date.now))
const follower = createFollower({
  domain,
  source,
  clock: nodeClock,
  index: createRevocationIndex({ clock: nodeClock }),
})

/** Never gives the loop away for long, so that it is this code and no poll that runs first after the pause. */
const watch = (): void => {
  const until = performance.now() + 20
  let before = performance.now()
  while (performance.now() < until) {
    const now = performance.now()
    if (now - before > 800) console.log(`woke ${follower.lease()}`)
    before = now
  }
  if (performance.now() - before > 800) console.log(`woke ${follower.lease()}`)
  setImmediate(watch)
}

await follower.ready()
console.log(follower.lease())
watch()
