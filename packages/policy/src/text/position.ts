/** Offsets as people read them. */
export interface Position {
  readonly line: number
  readonly column: number
}

export const positionAt = (text: string, offset: number): Position => {
  const before = text.slice(0, Math.max(0, offset))
  const line = before.split('\n').length
  return { line, column: before.length - before.lastIndexOf('\n') }
}

/** cedar-wasm counts bytes of UTF-8; strings here count UTF-16 units. */
export const utf16Offset = (text: string, bytes: number): number =>
  Buffer.from(text, 'utf8').subarray(0, bytes).toString('utf8').length
