/** `ipaddr`: one IPv4 or IPv6 address, or a range of them in CIDR form. */
import { Extension } from '../values.ts'

export class CedarIp extends Extension {
  readonly type = 'ipaddr'
  readonly bits: 32 | 128
  readonly address: bigint
  readonly prefix: number
  constructor(bits: 32 | 128, address: bigint, prefix: number) {
    super()
    this.bits = bits
    this.address = address
    this.prefix = prefix
  }
  get key(): string {
    return `ip${this.bits} ${this.address}/${this.prefix}`
  }
  /** First address of the range. */
  get first(): bigint {
    const host = BigInt(this.bits - this.prefix)
    return (this.address >> host) << host
  }
  /** Last address of the range. */
  get last(): bigint {
    return this.address | ((1n << BigInt(this.bits - this.prefix)) - 1n)
  }
}

/** Four numbers to 255 without leading zeros. */
const parseV4 = (text: string): bigint | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let address = 0n
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined
    address = address * 256n + BigInt(part)
  }
  return address
}

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'))

/** Eight groups of hexadecimal digits; `::` stands once, for at least one group of zeros. No IPv4 inside. */
const parseV6 = (text: string): bigint | undefined => {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map(groupsOf)
  const left = 8 - head.length - tail.length
  if (halves.length === 1 ? left !== 0 : left < 1) return undefined
  let address = 0n
  for (const group of [...head, ...Array<string>(left).fill('0'), ...tail]) {
    if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return undefined
    address = address * 65_536n + BigInt(`0x${group}`)
  }
  return address
}

const parsePrefix = (text: string, most: number): number | undefined =>
  /^(?:0|[1-9][0-9]{0,2})$/.test(text) && Number(text) <= most ? Number(text) : undefined

/** The longest text of an address with a prefix. */
const LONGEST = 43

/** Undefined: not an address, or not one that Cedar reads (IPv4 inside IPv6, leading zeros). */
export const parseIp = (text: string): CedarIp | undefined => {
  if (text.length > LONGEST) return undefined
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const bits = host.includes(':') ? 128 : 32
  const address = bits === 32 ? parseV4(host) : parseV6(host)
  const prefix = slash < 0 ? bits : parsePrefix(text.slice(slash + 1), bits)
  return address === undefined || prefix === undefined ? undefined : new CedarIp(bits, address, prefix)
}

/** Read back as the same value. */
export const ipText = ({ bits, address, prefix }: CedarIp): string => {
  const groups = bits === 32 ? 4 : 8
  const width = BigInt(bits / groups)
  const parts = Array.from({ length: groups }, (_, index) => {
    const part = (address >> (width * BigInt(groups - 1 - index))) & ((1n << width) - 1n)
    return part.toString(bits === 32 ? 10 : 16)
  })
  return `${parts.join(bits === 32 ? '.' : ':')}/${prefix}`
}

/** The whole range is 127.0.0.0/8 or less, or the one address ::1. */
export const isLoopback = ({ bits, address, prefix }: CedarIp): boolean =>
  bits === 32 ? address >> 24n === 127n && prefix >= 8 : address === 1n && prefix === 128

/** The whole range lies in 224.0.0.0/4 or in ff00::/8. */
export const isMulticast = ({ bits, address, prefix }: CedarIp): boolean =>
  bits === 32 ? address >> 28n === 14n && prefix >= 4 : address >> 120n === 255n && prefix >= 8

export const isInRange = (inner: CedarIp, outer: CedarIp): boolean =>
  inner.bits === outer.bits && outer.first <= inner.first && inner.last <= outer.last
