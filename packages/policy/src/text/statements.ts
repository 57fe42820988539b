/** One file as statements, each with its place and with what must be known about it before cedar-wasm sees it. */
import { type Token, tokensOf } from './lexer.ts'

export type SlotName = '?principal' | '?resource'

export interface Statement {
  readonly text: string
  /** Where the text begins in the file. */
  readonly offset: number
  /** Ends with `;`. */
  readonly complete: boolean
  readonly depth: Depth
  /** Slots that it has: then it is a template. */
  readonly slots: readonly SlotName[]
}

export interface Depth {
  readonly brackets: number
  /** Upper bound for the height of the syntax tree, weighed by what cedar-wasm's stack pays for it. */
  readonly height: number
  /** Where the deepest place is, in the statement. */
  readonly at: number
}

const OPEN = new Set(['(', '[', '{'])
const CLOSE = new Set([')', ']', '}'])
const OPERATORS = new Set(['&&', '||', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '!', '.', '/', '%'])
const WORD_OPERATORS = new Set(['if', 'has', 'like', 'is', 'in', 'when', 'unless'])
const BRACKET_WEIGHT = 4

interface Level {
  /** Of the element that is being read. */
  operators: number
  /** Its highest bracket. */
  below: number
  /** Highest element before it. */
  highest: number
}

const emptyLevel = (): Level => ({ operators: 0, below: 0, highest: 0 })

const isOperator = ({ kind, text }: Token): boolean =>
  (kind === 'symbol' && OPERATORS.has(text)) || (kind === 'word' && WORD_OPERATORS.has(text))

/** Height of a level: its operators make a chain, under which the highest bracket hangs. A comma begins a new chain. */
export const depthOf = (tokens: readonly Token[]): Depth => {
  const levels: Level[] = []
  let level: Level = emptyLevel()
  let brackets = 0
  let height = 0
  let at = tokens[0]?.start ?? 0
  for (const token of tokens) {
    if (OPEN.has(token.text)) {
      levels.push(level)
      level = emptyLevel()
      brackets = Math.max(brackets, levels.length)
    } else if (CLOSE.has(token.text)) {
      const inner = Math.max(level.highest, level.operators + level.below) + BRACKET_WEIGHT
      level = levels.pop() ?? emptyLevel()
      level.below = Math.max(level.below, inner)
    } else if (token.text === ',') {
      level.highest = Math.max(level.highest, level.operators + level.below)
      level.operators = 0
      level.below = 0
    } else if (isOperator(token)) level.operators++
    const here = level.operators + level.below + levels.length * BRACKET_WEIGHT
    if (here > height) {
      height = here
      at = token.start
    }
  }
  return { brackets, height, at }
}

/** A `?` with any other word behind it does not parse, and stands for nothing here. */
const slotsOf = (tokens: readonly Token[]): SlotName[] => {
  const named = (word: string) =>
    tokens.some(({ kind, text }, index) => kind === 'symbol' && text === '?' && tokens[index + 1]?.text === word)
  return [
    ...(named('principal') ? (['?principal'] as const) : []),
    ...(named('resource') ? (['?resource'] as const) : []),
  ]
}

const statement = (text: string, tokens: readonly Token[], first: Token, last: Token): Statement => {
  const depth = depthOf(tokens)
  return {
    text: text.slice(first.start, last.end),
    offset: first.start,
    complete: last.text === ';',
    depth: { ...depth, at: depth.at - first.start },
    slots: slotsOf(tokens),
  }
}

/** In Cedar `;` stands at the end of a policy and nowhere else outside strings and comments. Throws `LexError`. */
export function* statementsOf(text: string): Generator<Statement, void, undefined> {
  let current: Token[] = []
  const finish = (): Statement[] => {
    const [first, last] = [current[0], current.at(-1)]
    const tokens = current
    current = []
    return first === undefined || last === undefined ? [] : [statement(text, tokens, first, last)]
  }
  for (const token of tokensOf(text)) {
    current.push(token)
    if (token.text === ';') yield* finish()
  }
  yield* finish()
}

export const splitStatements = (text: string): Statement[] => [...statementsOf(text)]
