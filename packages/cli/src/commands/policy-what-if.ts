import type { IndexedRecord } from '@credence/audit'
import { nodeClock } from '@credence/kit/node'
import type { PolicySource } from '@credence/policy'
import type { DecidedRecord, LookedAt, Replayed } from '@credence/policy/people'
import type { Api } from '../api.ts'
import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import { registryNow } from '../policy/registry-now.ts'
import { table, when } from '../table.ts'

const MOST = 1000

const tools = async () => ({ ...(await import('@credence/policy')), ...(await import('@credence/policy/people')) })

/** The sets of the past by the hash that records name; each is read when it is needed. */
const pastSets = async (api: Api): Promise<(version: string) => Promise<LookedAt | undefined>> => {
  const { compilePolicySet, lookAt } = await tools()
  const { versions } = await api.get<{ versions: readonly { readonly number: number; readonly version: string }[] }>(
    '/v1/policies/versions',
  )
  const read = async (version: string): Promise<LookedAt | undefined> => {
    const known = versions.find((one) => one.version === version)
    if (known === undefined) return undefined
    const { source } = await api.get<{ source: PolicySource }>(`/v1/policies/versions/${known.number}`)
    const snapshot = await compilePolicySet(source)
    // Another release has other built-in policies, and decided by others than these.
    return snapshot.version === version ? lookAt(snapshot) : undefined
  }
  const sets = new Map<string, Promise<LookedAt | undefined>>()
  return (version) => {
    const found = sets.get(version) ?? read(version)
    sets.set(version, found)
    return found
  }
}

interface Chosen {
  readonly records: readonly DecidedRecord[]
  /** There may be more that were not looked at. */
  readonly cut: boolean
}

/** The interface gives the newest thousand of a kind; acts on the authority are among them. */
const newest = async (api: Api, last: number, since: number): Promise<Chosen> => {
  const { isAct, isDecided } = await tools()
  const kinds = await Promise.all(
    ['intent', 'refusal'].map((kind) =>
      api.get<{ records: readonly IndexedRecord[] }>(`/v1/audit/records?kind=${kind}&n=${MOST}`),
    ),
  )
  const wanted = kinds
    .flatMap(({ records }) => records)
    .sort((a, b) => a.index - b.index)
    .flatMap(({ record }) => (record.at >= since && isDecided(record) && !isAct(record, api.issuer) ? [record] : []))
  const full = kinds.some(({ records }) => records.length === MOST && (records[0]?.record.at ?? 0) >= since)
  return { records: wanted.slice(-last), cut: full || wanted.length > last }
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `2h`, `3d`, or a date. */
export const sinceOf = (text: string | undefined, now: number): number => {
  if (text === undefined) return 0
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const at = count === undefined ? Date.parse(text) : now - Number(count) * (UNITS[unit] ?? 0)
  if (Number.isNaN(at)) throw usage(`--since ${text}: write 30m, 2h, 7d or a date such as 2026-01-31T08:00Z.`)
  return at
}

const lastOf = (text: string | undefined): number => {
  const last = Number(text ?? MOST)
  if (!Number.isInteger(last) || last < 1 || last > MOST) throw usage(`--last takes a number from 1 to ${MOST}.`)
  return last
}

const changeOf = ({ was, becomes }: Replayed): string =>
  becomes === undefined ? 'cannot be told' : was === becomes ? 'same' : `${was} -> ${becomes}`

const ORDER = [
  'deny -> allow',
  'deny -> ask',
  'ask -> allow',
  'allow -> deny',
  'allow -> ask',
  'ask -> deny',
  'cannot be told',
]

interface Row {
  readonly change: string
  readonly one: Replayed
  count: number
}

const rowsOf = (all: readonly Replayed[]): Row[] => {
  const rows = new Map<string, Row>()
  for (const one of all) {
    const change = changeOf(one)
    if (change === 'same') continue
    const key = JSON.stringify([change, one.agent, one.resource, one.method, one.name, one.by, one.why])
    const row = rows.get(key)
    if (row === undefined) rows.set(key, { change, one, count: 1 })
    else row.count++
  }
  return [...rows.values()].sort((a, b) => ORDER.indexOf(a.change) - ORDER.indexOf(b.change) || b.count - a.count)
}

const countsOf = (all: readonly Replayed[]) => {
  const count = (change: string) => all.filter((one) => changeOf(one) === change).length
  return {
    replayed: all.length,
    same: count('same'),
    allowToDeny: count('allow -> deny'),
    denyToAllow: count('deny -> allow'),
    toAsk: count('allow -> ask') + count('deny -> ask'),
    fromAsk: count('ask -> allow') + count('ask -> deny'),
    cannotBeTold: count('cannot be told'),
  }
}

const text = (all: readonly Replayed[], notes: readonly string[]): string => {
  const { replayed, same, allowToDeny, denyToAllow, toAsk, fromAsk, cannotBeTold } = countsOf(all)
  return [
    table(
      ['change', 'count', 'agent', 'what', 'at', 'because of', 'last'],
      rowsOf(all).map(({ change, count, one }) => [
        change,
        count,
        one.agent,
        `${one.method} ${one.name}`.trim(),
        one.resource,
        one.why ?? (one.by.length === 0 ? 'no policy permits it' : one.by.join(', ')),
        `${one.decision} ${when(one.at)}`,
      ]),
      replayed === 0 ? 'No decisions are recorded for this time.' : 'Nothing would change.',
    ),
    '',
    `Of ${replayed} decisions ${same} stay as they were, ${allowToDeny} would be denied, ${denyToAllow} would be allowed, ${toAsk} would be asked of a person, ${fromAsk} would be asked no more, ${cannotBeTold} cannot be told.`,
    ...notes,
  ].join('\n')
}

const notesOf = (cut: boolean): readonly string[] => [
  'Labels, roles and states are those of today; arguments and scopes are not in records.',
  ...(cut ? ['There are older decisions for this time that were not looked at.'] : []),
]

const replayAll = async (context: Context, records: readonly DecidedRecord[]): Promise<Replayed[]> => {
  const { compilePolicySet, loadPolicyFolder, lookAt, replay } = await tools()
  const api = context.api()
  const [{ view }, before, next] = await Promise.all([
    registryNow(api),
    pastSets(api),
    loadPolicyFolder(context.operands[0] ?? '')
      .then(compilePolicySet)
      .then(lookAt),
  ])
  const all: Replayed[] = []
  for (const record of records) all.push(await replay(record, { issuer: api.issuer, registry: view, next, before }))
  return all
}

export const policyWhatIf: Command = {
  name: 'policy what-if',
  operands: 'DIR',
  summary: 'Which recorded decisions would be others under this folder? Puts nothing in force',
  help: 'Acts on the authority are left out: system policies decide them.',
  takes: [1, 1],
  flags: {
    since: { type: 'string', value: 'TIME', about: '30m, 2h, 7d or a date' },
    last: { type: 'string', value: 'COUNT', about: `how many of the newest decisions (default and most ${MOST})` },
  },
  run: async (context) => {
    const since = sinceOf(context.text('since'), nodeClock.now())
    const { records, cut } = await newest(context.api(), lastOf(context.text('last')), since)
    const all = await replayAll(context, records)
    const notes = notesOf(cut)
    context.print({ ...countsOf(all), changes: all.filter((one) => changeOf(one) !== 'same'), notes }, () =>
      text(all, notes),
    )
  },
}
