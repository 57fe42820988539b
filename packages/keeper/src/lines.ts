/** Lines of a stream of bytes. INVARIANT: a line longer than the limit is never held; it is left out and said to be so. */
const NEWLINE = 0x0a

export const TOO_LONG = Symbol('a line that is too long')

/** NOTE: only the line feed ends a line: JSON may hold every other separator that line readers know. */
export async function* readLines(
  input: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncIterable<Uint8Array | typeof TOO_LONG> {
  let pieces: Uint8Array[] = []
  let size = 0
  const add = (piece: Uint8Array): void => {
    size += piece.length
    if (size <= maxBytes) pieces.push(piece)
    else pieces = []
  }
  const take = (): Uint8Array | typeof TOO_LONG => {
    const line = size <= maxBytes ? Buffer.concat(pieces) : TOO_LONG
    pieces = []
    size = 0
    return line
  }
  for await (const piece of input) {
    let start = 0
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      add(piece.subarray(start, end))
      yield take()
      start = end + 1
    }
    add(piece.subarray(start))
  }
  if (size > 0) yield take()
}
