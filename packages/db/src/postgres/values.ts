/** Values on the wire, in text form. Type numbers are those of PostgreSQL's catalogue `pg_type`. */
import type { Row, Value } from '../types.ts'

const BOOL = 16
const BYTEA = 17
const INT8 = 20
const NUMBERS = new Set([21, 23, 26, 700, 701])

export interface Field {
  readonly name: string
  readonly dataTypeID: number
}

const readInteger = (text: string): Value => {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

const readValue = (text: string | null, type: number): Value => {
  if (text === null) return null
  if (type === INT8) return readInteger(text)
  if (NUMBERS.has(type)) return Number(text)
  if (type === BYTEA) return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
  if (type === BOOL) return text === 't' ? 1 : 0
  return text
}

export const readRow = (fields: readonly Field[], values: readonly (string | null)[]): Row => {
  const row: Record<string, Value> = {}
  fields.forEach((field, at) => {
    row[field.name] = readValue(values[at] ?? null, field.dataTypeID)
  })
  return row
}

export const writeValue = (value: Value): string | Buffer | null => {
  if (value === null || typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return String(value)
}
