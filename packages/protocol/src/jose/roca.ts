/**
 * CVE-2017-15361: RSA moduli of one maker's chips are powers of 65537 modulo every small prime, and can be factored.
 * A sound modulus passes for such a one with a chance below 2^-27.
 */
const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]

const powersOf65537 = (prime: number): ReadonlySet<number> => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}

const REMAINDERS = PRIMES.map((prime) => [BigInt(prime), powersOf65537(prime)] as const)

export const isRocaModulus = (modulus: Uint8Array): boolean => {
  const n = BigInt(`0x${Buffer.from(modulus).toString('hex')}`)
  return REMAINDERS.every(([prime, powers]) => powers.has(Number(n % prime)))
}
