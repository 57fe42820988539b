import type { IndexedRecord } from '@credence/audit'
import { nodeClock } from '@credence/kit/node'
import type { PolicySource } from '@credence/policy'
import type { DecidedRecord, LookedAt, Replayed } from '@credence/policy/people'
import type { Api } from '../api.ts'
import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import { registryNow } from '../policy/registry-now.ts'
import { table, when } from '../table.ts'

/** Entries of the ledger in one request. */
const PAGE = 1000
/** Decisions, where nobody says for what time. */
const NEWEST = 10_000
/** Changes that `--json` lists one by one, and rows of the table: what is more is counted. */
const LISTED = 1000
const PROGRESS_MS = 2000

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

interface Window {
  readonly since: number
  readonly until: number
}

/** How much older than its place in the ledger a record may be: one that waited at a node for its authority. */
const LATE_MS = 3_600_000

interface Page {
  readonly records: readonly IndexedRecord[]
  readonly next?: number
}

/** Every decision of the window, the newest first, page by page: nothing but one page is held. */
async function* decisions(api: Api, { since, until }: Window): AsyncGenerator<DecidedRecord> {
  const { isAct, isDecided } = await tools()
  const { ledger } = await api.get<{ ledger: { size: number } }>('/v1/status')
  for (let before: number | undefined = ledger.size; before !== undefined; ) {
    const page: Page = await api.get<Page>(`/v1/audit/records?before=${before}&n=${PAGE}`)
    for (const { record } of page.records.toReversed())
      if (record.at >= since && record.at < until && isDecided(record) && !isAct(record, api.issuer)) yield record
    const newest = Math.max(...page.records.map(({ record }) => record.at))
    before = page.records.length > 0 && newest < since - LATE_MS ? undefined : page.next
  }
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `2h`, `3d`, or a date. */
export const timeOf = (flag: string, text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const at = count === undefined ? Date.parse(text) : now - Number(count) * (UNITS[unit] ?? 0)
  if (Number.isNaN(at)) throw usage(`--${flag} ${text}: write 30m, 2h, 7d or a date such as 2026-01-31T08:00Z.`)
  return at
}

const limitOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const limit = Number(text)
  if (!Number.isSafeInteger(limit) || limit < 1) throw usage('--limit takes a whole number from 1.')
  return limit
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

/** What is kept of a replay, however long it is: counts, rows, and the first changes. */
class Tally {
  replayed = 0
  leftOut = 0
  readonly changes: Replayed[] = []
  readonly #counts = new Map<string, number>()
  readonly #rows = new Map<string, Row>()

  add(one: Replayed): void {
    this.replayed++
    const change = changeOf(one)
    this.#counts.set(change, (this.#counts.get(change) ?? 0) + 1)
    if (change === 'same') return
    if (this.changes.length < LISTED) this.changes.push(one)
    else this.leftOut++
    const key = JSON.stringify([change, one.agent, one.resource, one.method, one.name, one.by, one.why])
    const row = this.#rows.get(key)
    if (row !== undefined) row.count++
    else if (this.#rows.size < LISTED) this.#rows.set(key, { change, one, count: 1 })
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()].sort(
      (a, b) => ORDER.indexOf(a.change) - ORDER.indexOf(b.change) || b.count - a.count,
    )
  }

  get counts() {
    const count = (...changes: readonly string[]) =>
      changes.reduce((sum, change) => sum + (this.#counts.get(change) ?? 0), 0)
    return {
      replayed: this.replayed,
      same: count('same'),
      allowToDeny: count('allow -> deny'),
      denyToAllow: count('deny -> allow'),
      toAsk: count('allow -> ask', 'deny -> ask'),
      fromAsk: count('ask -> allow', 'ask -> deny'),
      cannotBeTold: count('cannot be told'),
    }
  }
}

const text = (tally: Tally, notes: readonly string[]): string => {
  const { replayed, same, allowToDeny, denyToAllow, toAsk, fromAsk, cannotBeTold } = tally.counts
  return [
    table(
      ['change', 'count', 'agent', 'what', 'at', 'because of', 'last'],
      tally.rows.map(({ change, count, one }) => [
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

const notesOf = (cut: boolean, { leftOut }: Tally): readonly string[] => [
  'Labels, roles and states are those of today; arguments and scopes are not in records.',
  ...(cut ? ['There are older decisions for this time that were not looked at.'] : []),
  ...(leftOut > 0 ? [`${leftOut} more changes are counted and not listed one by one.`] : []),
]

/** What happens on the way, for whoever waits. */
const progress = (context: Context) => {
  let said = nodeClock.monotonic()
  return ({ replayed }: Tally, at: number): void => {
    const now = nodeClock.monotonic()
    if (now - said < PROGRESS_MS) return
    said = now
    context.tell(`${replayed} decisions so far, back to ${when(at)}`)
  }
}

const replayAll = async (context: Context, window: Window, limit: number) => {
  const { compilePolicySet, loadPolicyFolder, lookAt, replay } = await tools()
  const api = context.api()
  const [{ view }, before, next] = await Promise.all([
    registryNow(api),
    pastSets(api),
    loadPolicyFolder(context.operands[0] ?? '')
      .then(compilePolicySet)
      .then(lookAt),
  ])
  const tally = new Tally()
  const tell = progress(context)
  for await (const record of decisions(api, window)) {
    if (tally.replayed === limit) return { tally, cut: true }
    tally.add(await replay(record, { issuer: api.issuer, registry: view, next, before }))
    tell(tally, record.at)
  }
  return { tally, cut: false }
}

export const policyWhatIf: Command = {
  name: 'policy what-if',
  operands: 'DIR',
  summary: 'Which recorded decisions would be others under this folder? Puts nothing in force',
  help: 'Acts on the authority are left out: system policies decide them.',
  takes: [1, 1],
  flags: {
    since: { type: 'string', value: 'TIME', about: '30m, 2h, 7d or a date' },
    until: { type: 'string', value: 'TIME', about: '30m, 2h, 7d or a date' },
    limit: {
      type: 'string',
      value: 'COUNT',
      about: `how many of the newest decisions of this time (default all; without --since ${NEWEST})`,
    },
  },
  run: async (context) => {
    const now = nodeClock.now()
    const since = timeOf('since', context.text('since'), now)
    const until = timeOf('until', context.text('until'), now) ?? Number.POSITIVE_INFINITY
    const limit = limitOf(context.text('limit')) ?? (since === undefined ? NEWEST : Number.POSITIVE_INFINITY)
    const { tally, cut } = await replayAll(context, { since: since ?? 0, until }, limit)
    const notes = notesOf(cut, tally)
    context.print({ ...tally.counts, changes: tally.changes, notes }, () => text(tally, notes))
  },
}
