/**
 * Node 22 warns that its SQLite is experimental; newer ones do not. Whoever reads our standard error as JSON, or writes
 * it to a log, must find our own lines there. Every other warning is shown.
 */
export const quietSqlite = (): void => {
  const emit = process.emitWarning as (...given: unknown[]) => void
  process.emitWarning = ((...given: unknown[]) => {
    if (!String(given[0]).startsWith('SQLite is an experimental feature')) Reflect.apply(emit, process, given)
  }) as typeof process.emitWarning
}
