/** One deadline over several steps. */

/**
 * Everything that `work` does, waiting for others included, within `ms`. INVARIANT: when the time is over this rejects,
 * whatever `work` still waits for.
 */
export const within = async <T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const late = new AbortController()
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new Error(`no answer within ${ms} ms`)
    late.abort(error)
    reject(error)
  }, ms)
  try {
    return await Promise.race([work(late.signal), promise])
  } finally {
    clearTimeout(timer)
  }
}
