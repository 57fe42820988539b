/**
 * Integers beyond 2^53 in the text of a policy. cedar-wasm rounds them in its JSON form, so it is given small numbers in
 * their place, which the policy does not use, and the digits are put back in what it answers.
 *
 * INVARIANT: the original text is parsed and validated too; the changed text only yields the JSON.
 */
import { tokenize } from '../text/lexer.ts'

export interface Marked {
  readonly text: string
  /** From a number that stands in the text now to the digits that it stands for. */
  readonly digits: ReadonlyMap<number, string>
}

const FIRST_MARKER = 2 ** 52 + 1

/** Undefined: there is no such integer. Texts that do not lex hold none either; they do not parse. */
export const markBigLiterals = (text: string): Marked | undefined => {
  const numbers = tokenize(text).filter(({ kind }) => kind === 'number')
  const big = numbers.filter((token) => !Number.isSafeInteger(Number(token.text)))
  if (big.length === 0) return undefined
  const taken = new Set(numbers.map((token) => Number(token.text)))
  const digits = new Map<number, string>()
  let marker = FIRST_MARKER
  let changed = ''
  let at = 0
  for (const token of big) {
    while (taken.has(marker)) marker++
    digits.set(marker, token.text)
    changed += text.slice(at, token.start) + marker
    at = token.end
    marker++
  }
  return { text: changed + text.slice(at), digits }
}

const isValue = (value: unknown): value is { readonly Value: number } =>
  typeof value === 'object' && value !== null && 'Value' in value && typeof value.Value === 'number'

/** JSON text in which each marker is `{"Value":{"__long":"..."}}`. */
export const jsonWithDigits = (json: unknown, digits: ReadonlyMap<number, string>): string =>
  JSON.stringify(json, (_name, value: unknown) => {
    if (!isValue(value) || Object.keys(value).length !== 1) return value
    const known = digits.get(Math.abs(value.Value))
    return known === undefined ? value : { Value: { __long: value.Value < 0 ? `-${known}` : known } }
  })
