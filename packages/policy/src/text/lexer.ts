/** Tokens of Cedar, enough to find where statements end and how deep they go; cedar-wasm does the real parsing. */
export type TokenKind = 'word' | 'string' | 'number' | 'symbol'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly start: number
  readonly end: number
}

/** White space and comments, then one token. Each alternative starts differently, so matching is linear. */
const SKIP = /(?:\s+|\/\/[^\n\r]*)+/y
const TOKEN =
  /([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"\\]|\\[\s\S])*")|([0-9]+)|(&&|\|\||==|!=|<=|>=|::|[-@(){}[\],;.?!<>+*:=%/&|])/y

export class LexError extends Error {
  readonly offset: number
  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

const KINDS: readonly TokenKind[] = ['word', 'string', 'number', 'symbol']

/** Throws `LexError` where the text is none of Cedar's. */
export function* tokensOf(text: string): Generator<Token, void, undefined> {
  let at = 0
  for (;;) {
    SKIP.lastIndex = at
    if (SKIP.test(text)) at = SKIP.lastIndex
    if (at >= text.length) return
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) {
      const message = text[at] === '"' ? 'This string is not closed.' : 'This character has no meaning in Cedar.'
      throw new LexError(at, message)
    }
    const group = [1, 2, 3, 4].findIndex((index) => match[index] !== undefined)
    const end = TOKEN.lastIndex
    yield { kind: KINDS[group] ?? 'symbol', text: match[0], start: at, end }
    at = end
  }
}

export const tokenize = (text: string): Token[] => [...tokensOf(text)]
