/** Arithmetic on 64-bit integers: numbers while they are exact, bigints beyond, a failure where Cedar overflows. */
import { fail } from './errors.ts'
import type { Long } from './values.ts'

export const MIN_LONG: bigint = -(2n ** 63n)
export const MAX_LONG: bigint = 2n ** 63n - 1n

/** The one form of a long, undefined beyond 64 bits. */
export const toLong = (exact: bigint): Long | undefined => {
  if (exact < MIN_LONG || exact > MAX_LONG) return undefined
  const small = Number(exact)
  return Number.isSafeInteger(small) ? small : exact
}

const inRange = (exact: bigint): Long => toLong(exact) ?? fail('overflow', 'integer overflow')

export const add = (a: Long, b: Long): Long => {
  const quick = typeof a === 'number' && typeof b === 'number' ? a + b : Number.NaN
  return Number.isSafeInteger(quick) ? quick : inRange(BigInt(a) + BigInt(b))
}

export const subtract = (a: Long, b: Long): Long => {
  const quick = typeof a === 'number' && typeof b === 'number' ? a - b : Number.NaN
  return Number.isSafeInteger(quick) ? quick : inRange(BigInt(a) - BigInt(b))
}

/** `+ 0` makes a negative zero, which Cedar does not have, a zero. */
export const multiply = (a: Long, b: Long): Long => {
  const quick = typeof a === 'number' && typeof b === 'number' ? a * b + 0 : Number.NaN
  return Number.isSafeInteger(quick) ? quick : inRange(BigInt(a) * BigInt(b))
}

export const negate = (a: Long): Long => subtract(0, a)

/** Digits to a long without work that grows with the square of their number; undefined beyond 64 bits. */
export const longOfDigits = (digits: string, negative: boolean): Long | undefined => {
  const short = digits.replace(/^0+/, '')
  if (short.length > 19) return undefined
  return toLong(negative ? -BigInt(short) : BigInt(short))
}
