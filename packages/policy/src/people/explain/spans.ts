/** Where the parts of a policy stand in its text. Cedar's JSON form has no places, so they are found again by its tokens. */
import { type Token, tokenize } from '../../text/lexer.ts'

/** From one token to another, both included. */
export interface Span {
  readonly tokens: readonly Token[]
}

const OPEN = new Set(['(', '[', '{'])
const CLOSE = new Set([')', ']', '}'])

const isSymbol = (token: Token | undefined, text: string): boolean => token?.kind === 'symbol' && token.text === text
const isWord = (token: Token | undefined, text: string): boolean => token?.kind === 'word' && token.text === text

/** Positions of tokens outside every bracket for which `found` holds. */
const atTop = (tokens: readonly Token[], found: (token: Token, index: number) => boolean): number[] => {
  let depth = 0
  return tokens.flatMap((token, index) => {
    if (token.kind === 'symbol' && CLOSE.has(token.text)) depth--
    const here = depth === 0 && found(token, index) ? [index] : []
    if (token.kind === 'symbol' && OPEN.has(token.text)) depth++
    return here
  })
}

/** Without brackets around the whole of it. */
export const bare = ({ tokens }: Span): Span => {
  const closing = atTop(tokens, (token) => isSymbol(token, ')'))[0]
  return tokens.length > 2 && isSymbol(tokens[0], '(') && closing === tokens.length - 1
    ? bare({ tokens: tokens.slice(1, -1) })
    : { tokens }
}

/** The two sides of the last such operator, which is where Cedar divides a chain; undefined: there is none. */
export const sides = (span: Span, operator: '&&' | '||'): readonly [Span, Span] | undefined => {
  const { tokens } = bare(span)
  const at = atTop(tokens, (token) => isSymbol(token, operator)).at(-1)
  if (at === undefined || at === 0 || at === tokens.length - 1) return undefined
  return [{ tokens: tokens.slice(0, at) }, { tokens: tokens.slice(at + 1) }]
}

export const negated = (span: Span): Span | undefined => {
  const { tokens } = bare(span)
  return isSymbol(tokens[0], '!') && tokens.length > 1 ? { tokens: tokens.slice(1) } : undefined
}

/** Condition and both branches of `if then else`. */
export const branches = (span: Span): readonly [Span, Span, Span] | undefined => {
  const { tokens } = bare(span)
  if (!isWord(tokens[0], 'if')) return undefined
  let open = 0
  const marks: number[] = []
  for (const index of atTop(tokens, ({ kind }) => kind === 'word')) {
    const token = tokens[index]
    if (isWord(token, 'if')) open++
    if (isWord(token, 'then') && open === 1) marks.push(index)
    if (isWord(token, 'else')) {
      if (open === 1) marks.push(index)
      open--
    }
  }
  const [then, other] = marks
  if (then === undefined || other === undefined) return undefined
  return [
    { tokens: tokens.slice(1, then) },
    { tokens: tokens.slice(then + 1, other) },
    { tokens: tokens.slice(other + 1) },
  ]
}

export interface PolicySpans {
  /** Principal, action, resource. */
  readonly scope: readonly [Span, Span, Span]
  /** What stands between the brackets of each `when` and `unless`. */
  readonly clauses: readonly Span[]
}

const between = (tokens: readonly Token[], open: number): readonly Token[] => {
  const length = atTop(tokens.slice(open), (token, index) => index > 0 && CLOSE.has(token.text))[0] ?? 1
  return tokens.slice(open + 1, open + length)
}

export const policySpans = (text: string): PolicySpans => {
  const tokens = tokenize(text)
  const all = { tokens }
  const effect = atTop(
    tokens,
    (token, index) => (isWord(token, 'permit') || isWord(token, 'forbid')) && isSymbol(tokens[index + 1], '('),
  ).at(-1)
  const head = effect === undefined ? [] : between(tokens, effect + 1)
  const commas = atTop(head, (token) => isSymbol(token, ','))
  const [first = 0, second = 0] = commas
  const part = (from: number, to: number): Span => (commas.length < 2 ? all : { tokens: head.slice(from, to) })
  const clauses = atTop(
    tokens,
    (token, index) => (isWord(token, 'when') || isWord(token, 'unless')) && isSymbol(tokens[index + 1], '{'),
  )
  const end = isSymbol(head.at(-1), ',') ? head.length - 1 : head.length
  return {
    scope: [part(0, first), part(first + 1, second), part(second + 1, end)],
    clauses: clauses.map((index) => ({ tokens: between(tokens, index + 1) })),
  }
}

export const spanStart = ({ tokens }: Span): number => tokens[0]?.start ?? 0

export const spanText = ({ tokens }: Span, text: string): string =>
  text
    .slice(tokens[0]?.start ?? 0, tokens.at(-1)?.end ?? 0)
    .replace(/\s+/g, ' ')
    .trim()
