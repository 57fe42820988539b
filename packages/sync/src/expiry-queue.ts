/** Things that end, grouped by when they end, so that taking out what is over costs nothing for what is not. */
export interface ExpiryQueue<T> {
  add(until: number, item: T): void
  /** Hands over, once, everything whose time is before `now`; what shares a group with `now` waits for the next. */
  takeUntil(now: number, take: (item: T) => void): void
  readonly size: number
}

export const createExpiryQueue = <T>(groupMs: number): ExpiryQueue<T> => {
  const groups = new Map<number, T[]>()
  let size = 0
  let first = Number.POSITIVE_INFINITY

  const takeGroup = (group: number, take: (item: T) => void): void => {
    const items = groups.get(group)
    if (items === undefined) return
    groups.delete(group)
    size -= items.length
    for (const item of items) take(item)
  }

  return {
    get size() {
      return size
    },
    add: (until, item) => {
      const group = Math.floor(until / groupMs)
      const items = groups.get(group)
      if (items === undefined) groups.set(group, [item])
      else items.push(item)
      if (group < first) first = group
      size += 1
    },
    takeUntil: (now, take) => {
      const end = Math.floor(now / groupMs)
      if (first >= end) return
      for (const group of [...groups.keys()]) if (group < end) takeGroup(group, take)
      first = groups.size === 0 ? Number.POSITIVE_INFINITY : Math.min(...groups.keys())
    },
  }
}
