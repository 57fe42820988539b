/** The witnesses of the domain's ledger, from the file that `witnesses` names. */
import { readFileSync } from 'node:fs'
import type { AuthorityConfig } from '@credence/authority'
import { refused } from '@credence/kit'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock } from '@credence/kit/node'
import { parseTlogPolicy, type TlogPolicy } from '@credence/protocol/c2sp'
import type { Settings } from '../settings.ts'
import { requireHttps } from './host.ts'

/** > all octets with the high bit set are opaque: read so that no two of them become one. */
export const readTlogPolicy = (file: string): TlogPolicy => {
  let text: string
  try {
    text = readFileSync(file, 'latin1')
  } catch (cause) {
    throw refused('witnesses_unreadable', `${file} cannot be read.`, { status: 400, cause })
  }
  return parseTlogPolicy(text)
}

const invalid = (message: string) => refused('config_invalid', message, { status: 400 })

const urlsOf = ({ witnesses }: TlogPolicy, file: string): readonly URL[] => {
  const urls = witnesses.flatMap(({ name, url }) => {
    if (url === undefined) return []
    const parsed = URL.parse(url)
    if (parsed === null) throw invalid(`witnesses: ${file}: the URL of ${name} is none.`)
    requireHttps(url, `witnesses: ${name}`)
    return [parsed]
  })
  if (urls.length === 0) throw invalid(`witnesses: ${file} names no witness with a URL, so nobody can be asked.`)
  return urls
}

/** Two requests for each witness and turn, every other second. */
const PER_MINUTE = 120

/** Absent: nobody is asked. Their requests have limits of their own, so that they take nothing from anybody else's. */
export const witnessesOf = ({ witnesses: file, allowPrivate }: Settings): Pick<AuthorityConfig, 'witnesses'> => {
  if (file === undefined) return {}
  const policy = readTlogPolicy(file)
  const urls = urlsOf(policy, file)
  const ports = urls.flatMap(({ protocol, port }) => (protocol === 'https:' && port !== '' ? [Number(port)] : []))
  const rate = PER_MINUTE * urls.length
  const fetch = createSafeFetch({ clock: nodeClock, allowPrivate, ports, perHostPerMinute: rate, totalPerMinute: rate })
  return { witnesses: { policy, fetch } }
}
