/** Which number texts survive a round trip through a double. */

const PARTS = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Digits without leading and trailing zeros, and the power of ten of the last one: equal for equal decimal values. */
const decimal = (text: string): { digits: string; exponent: number } | undefined => {
  const parts = PARTS.exec(text)
  if (parts === null) return undefined
  const [, whole = '', fraction = '', power = '0'] = parts
  const all = `${whole}${fraction}`.replace(/^0+/, '')
  const digits = all.replace(/0+$/, '')
  if (digits === '') return { digits: '0', exponent: 0 }
  return { digits, exponent: Number(power) - fraction.length + (all.length - digits.length) }
}

/**
 * INVARIANT: true only if the number that a receiver reads from our output has the decimal value that was sent to us.
 * Refuses 2^53+1, 1e400, 1e-400, digits beyond a double, and -0, whose sign RFC 8785 drops.
 */
export const survivesRoundTrip = (text: string): boolean => {
  const value = Number(text)
  if (!Number.isFinite(value)) return false
  if (value === 0 && text.startsWith('-')) return false
  // NOTE: a double keeps any 15 significant digits.
  if (text.length <= 15 && !/[eE]/.test(text)) return true
  const sent = decimal(text)
  const kept = decimal(String(value))
  return sent !== undefined && kept !== undefined && sent.digits === kept.digits && sent.exponent === kept.exponent
}
