/** `decimal`: up to four digits after the point, held as a long of ten-thousandths. */
import { longOfDigits, toLong } from '../longs.ts'
import { Extension, type Long } from '../values.ts'

export class CedarDecimal extends Extension {
  readonly type = 'decimal'
  /** Ten-thousandths. */
  readonly units: Long
  constructor(units: Long) {
    super()
    this.units = units
  }
  get key(): string {
    return `decimal ${this.units}`
  }
}

const FORM = /^(-?)([0-9]+)\.([0-9]{1,4})$/

/** Undefined: not a decimal, more than four digits after the point, or beyond 64 bits of ten-thousandths. */
export const parseDecimal = (text: string): CedarDecimal | undefined => {
  const [, sign, whole = '', fraction = ''] = FORM.exec(text) ?? []
  if (sign === undefined) return undefined
  const large = longOfDigits(whole, sign === '-')
  if (large === undefined) return undefined
  const small = BigInt(fraction.padEnd(4, '0'))
  const units = toLong(BigInt(large) * 10_000n + (sign === '-' ? -small : small))
  return units === undefined ? undefined : new CedarDecimal(units)
}

/** Canonical, and read back as the same value. */
export const decimalText = ({ units }: CedarDecimal): string => {
  const exact = BigInt(units)
  const absolute = exact < 0n ? -exact : exact
  return `${exact < 0n ? '-' : ''}${absolute / 10_000n}.${String(absolute % 10_000n).padStart(4, '0')}`
}
