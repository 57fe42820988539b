/** Loaded into every measured process (`--import`): tells its CPU time, threads included, and its memory when asked. */
export interface Usage {
  /** Microseconds, user and system, of all threads. */
  readonly cpu: number
  readonly rss: number
  readonly heap: number
}

const usage = (): Usage => {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  return { cpu: user + system, rss, heap: heapUsed }
}

process.on('message', (message) => {
  if (message === 'usage') process.send?.({ usage: usage() })
  if (message === 'collect') {
    globalThis.gc?.()
    process.send?.({ usage: usage() })
  }
})
process.on('disconnect', () => process.exit())
process.channel?.unref()
