/** Who the caller is on the network: the peer, unless the peer is a proxy that the operator trusts. */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'

export interface ClientAddress {
  readonly address: string
  readonly secure: boolean
}

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
const plain = (address: string): string =>
  address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address

const listOf = (proxies: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const proxy of proxies) {
    const [address = '', bits, more] = proxy.split('/')
    if (isIP(address) === 0 || more !== undefined || bits === '')
      throw new TypeError(`Not an address or block: ${proxy}`)
    if (bits === undefined) list.addAddress(address, family(address))
    else list.addSubnet(address, Number(bits), family(address))
  }
  return list
}

const lastOf = (values: string | string[] | undefined): string[] =>
  (Array.isArray(values) ? values.join(',') : (values ?? '')).split(',').map((value) => value.trim())

/**
 * INVARIANT: without trusted proxies no forwarding field changes anything. With them, the field is read from the right,
 * where our own proxies wrote; the first address that is not a trusted proxy is the client.
 */
export const clientAddressReader = (trustedProxies: readonly string[]): ((req: IncomingMessage) => ClientAddress) => {
  const list = listOf(trustedProxies)
  const trusted = (address: string): boolean => isIP(address) !== 0 && list.check(address, family(address))
  return (req) => {
    const peer = plain(req.socket.remoteAddress ?? '')
    const encrypted = (req.socket as Partial<TLSSocket>).encrypted === true
    if (trustedProxies.length === 0 || !trusted(peer)) return { address: peer, secure: encrypted }
    let address = peer
    for (const hop of lastOf(req.headers['x-forwarded-for']).reverse()) {
      if (!trusted(address) || isIP(plain(hop)) === 0) break
      address = plain(hop)
    }
    const secure = encrypted || lastOf(req.headers['x-forwarded-proto']).at(-1)?.toLowerCase() === 'https'
    return { address, secure }
  }
}
