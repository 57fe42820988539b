/**
 * JSON in which integers beyond 2^53 survive. cedar-wasm takes its questions through `JSON.stringify`, so a number that
 * is given as its own text arrives as it was written.
 */

interface ExactJson {
  rawJSON(text: string): unknown
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown
}

/** The two members came with V8 11.4; the library's types do not know them yet. */
const exact = JSON as unknown as ExactJson

export const rawInteger = (value: bigint): unknown => exact.rawJSON(String(value))

export const parseExact = (text: string): unknown =>
  exact.parse(text, (_name, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined ? exact.rawJSON(source) : value,
  )
