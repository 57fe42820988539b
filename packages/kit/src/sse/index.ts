/** Server-sent events (WHATWG HTML, section 9.2): the data of each event, bounded. Names, ids and comments are dropped. */
import { unavailable } from '../errors.ts'

const MAX_EVENT = 16 * 1024 * 1024
const LINE_END = /[\r\n]/g

export interface SseParser {
  /** The data of every event that this piece completes. An event that never ends is no event. */
  push(piece: Uint8Array): string[]
}

export interface SseLimits {
  /** Characters of one event, and of a line that is none. Default 16 Mi. */
  readonly maxEvent?: number
}

/** The value of a `data` field, or undefined for every other line. */
const dataOf = (line: string): string | undefined => {
  if (line === 'data') return ''
  return line.startsWith('data:') ? line.slice(line.charAt(5) === ' ' ? 6 : 5) : undefined
}

/** INVARIANT: how the bytes are cut into pieces makes no difference; an event is there with the byte that ends it. */
export const createSseParser = ({ maxEvent = MAX_EVENT }: SseLimits = {}): SseParser => {
  // NOTE: Node's own removal of the byte order mark takes two when a cut falls inside the first one, so it is ours.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let begun = false
  let line: string[] = []
  let data: string[] = []
  /** Characters in `line` and `data`. */
  let size = 0
  let afterReturn = false

  const grow = (more: number): void => {
    size += more
    if (size > maxEvent)
      throw unavailable('event_too_large', 'The other server sent an event that is too large.', { status: 502 })
  }

  /** The data of the event that this line ends, if it ends one. */
  const take = (text: string): string | undefined => {
    size -= text.length
    if (text !== '') {
      const value = dataOf(text)
      if (value === undefined) return undefined
      grow(value.length + 1)
      data.push(value)
      return undefined
    }
    const event = data.length > 0 ? data.join('\n') : undefined
    data = []
    size = 0
    return event
  }

  return {
    push: (piece) => {
      const decoded = decoder.decode(piece, { stream: true })
      const text = !begun && decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded
      begun ||= decoded !== ''
      const events: string[] = []
      // A line feed that belongs to the carriage return of the piece before.
      let start = afterReturn && text.startsWith('\n') ? 1 : 0
      if (text !== '') afterReturn = text.endsWith('\r')
      LINE_END.lastIndex = start
      for (let end = LINE_END.exec(text); end !== null; end = LINE_END.exec(text)) {
        const part = text.slice(start, end.index)
        grow(part.length)
        const event = take(line.length === 0 ? part : [...line, part].join(''))
        line = []
        if (event !== undefined) events.push(event)
        start = end.index + (text.startsWith('\r\n', end.index) ? 2 : 1)
        LINE_END.lastIndex = start
      }
      if (start < text.length) {
        grow(text.length - start)
        line.push(text.slice(start))
      }
      return events
    },
  }
}

/** The events of a body as they come. */
export async function* readSse(body: AsyncIterable<Uint8Array>, limits?: SseLimits): AsyncIterable<string> {
  const parser = createSseParser(limits)
  for await (const piece of body) yield* parser.push(piece)
}

/** One event. INVARIANT: no line break of the text can begin a new field, since each line gets its own `data:`. */
export const sseEvent = (text: string): string =>
  `${text
    .split(/\r\n|\n|\r/)
    .map((part) => `data: ${part}`)
    .join('\n')}\n\n`
