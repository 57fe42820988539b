/** The outcome of work that others may share, or the reason why this caller no longer wants it. The work goes on. */
export const untilAborted = <T>(work: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> => {
  if (signal === null || signal === undefined) return work
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
