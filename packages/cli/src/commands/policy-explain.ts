import { readFileSync } from 'node:fs'
import type { IndexedRecord } from '@credence/audit'
import { bug, refused } from '@credence/kit'
import type { LedgerRecord, RefusalRecord } from '@credence/model'
import type { PolicySource } from '@credence/policy'
import type { DecidedRecord, Explanation } from '@credence/policy/people'
import type { Command, Context } from '../command.ts'
import { usage } from '../errors.ts'
import { explanationText } from '../policy/explanation.ts'
import { FACT_FLAGS, factsFromFlags } from '../policy/facts-flags.ts'
import { registryNow } from '../policy/registry-now.ts'

const tools = async () => ({ ...(await import('@credence/policy')), ...(await import('@credence/policy/people')) })

const current = (context: Context): Promise<{ readonly version: string; readonly source: PolicySource }> =>
  context.api().get('/v1/policies')

const sourceOf = async (context: Context): Promise<PolicySource> => {
  const dir = context.text('policies')
  return dir === undefined ? (await current(context)).source : (await tools()).loadPolicyFolder(dir)
}

interface Explained {
  readonly explanation: Explanation
  readonly notes: readonly string[]
}

const readFile = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw refused(
      'facts_missing',
      `${file} cannot be read. --facts takes a JSON file; docs/policy-tools.md has the format.`,
    )
  }
}

/** With `--policies` nothing needs to run; without, labels and roles are those of the registry. */
const explainRequest = async (context: Context): Promise<Explained> => {
  const { compilePolicySet, explainScene, factsOf, readFactsFile, sceneOf } = await tools()
  const file = context.text('facts')
  const offline = context.text('policies') !== undefined
  const registry = offline || file !== undefined ? undefined : await registryNow(context.api())
  const given =
    file === undefined
      ? factsOf(
          factsFromFlags(context, registry, registry === undefined ? context.settings.issuer : context.api().issuer),
        )
      : readFactsFile(file, readFile(file), context.text('test'))
  const snapshot = await compilePolicySet(await sourceOf(context))
  return { explanation: await explainScene(snapshot, sceneOf(given)), notes: [] }
}

const recordNamed = async (context: Context, id: string): Promise<LedgerRecord> => {
  const { records } = await context
    .api()
    .get<{ records: readonly IndexedRecord[] }>(`/v1/audit/trace/${encodeURIComponent(id)}`)
  const found = records
    .map(({ record }) => record)
    .find((record) => record.id === id || ('decision' in record && record.decision?.id === id))
  if (found === undefined) throw refused('trace_empty', `Nothing is recorded under ${id}.`, { status: 404 })
  return found
}

/** The guard refuses what a token does not cover before it asks anybody. */
const isGrantRefusal = (record: LedgerRecord): record is RefusalRecord =>
  record.kind === 'refusal' && record.code === 'grant_insufficient'

const notDecided = (record: LedgerRecord) =>
  refused(
    'not_decided',
    `No policy answered here: it is ${record.kind === 'refusal' ? `a refusal of another kind (${record.code}: ${record.reason})` : `a record of the kind ${record.kind}`}. \`credence audit trace ${record.id}\` shows what belongs to it.`,
  )

interface ShownGrant {
  readonly id: string
  readonly status: string
  readonly authorizationDetails?: readonly {
    readonly locations?: readonly string[]
    readonly tools?: readonly string[]
  }[]
}

/** What the grant allows today, and it never grows. */
const grantNow = async (context: Context, id: string | undefined): Promise<string> => {
  if (id === undefined) return 'No grant stands behind it.'
  const grant = await context.api().get<ShownGrant>(`/v1/grants/${encodeURIComponent(id)}`)
  const allows = (grant.authorizationDetails ?? []).map(
    ({ locations = [], tools: names = [] }) => `${names.join(', ')} at ${locations.join(', ')}`,
  )
  return `${grant.id} (${grant.status}) allows ${allows.length === 0 ? 'nothing' : allows.join('; ')}.`
}

/** No policy was asked. */
const byGrant = async (context: Context, record: DecidedRecord | RefusalRecord): Promise<Explanation> => ({
  question: undefined,
  answer: 'deny',
  by: ['grant'],
  reason: record.decision?.reason ?? ('reason' in record ? record.reason : ''),
  version: record.decision?.version ?? '',
  errors: [],
  obligations: [],
  grant: await grantNow(context, record.grant),
  policies: [],
  near: [],
})

const explainRecord = async (context: Context, id: string): Promise<Explained> => {
  const { answerOf, compilePolicySet, decidedByGrant, explainScene, isDecided, sceneOfRecord, unknownsIn, versionOf } =
    await tools()
  const record = await recordNamed(context, id)
  if (isGrantRefusal(record)) return { explanation: await byGrant(context, record), notes: [] }
  if (!isDecided(record)) throw notDecided(record)
  if (decidedByGrant(record)) return { explanation: await byGrant(context, record), notes: [] }
  const registry = await registryNow(context.api())
  const recorded = sceneOfRecord(record, registry.view, context.api().issuer)
  const was = `Recorded: ${answerOf(record)} by ${record.decision.policies.join(', ') || 'no policy'}: ${record.decision.reason}`
  if ('untold' in recorded) throw refused('cannot_be_told', `${was}\nMore cannot be told: ${recorded.untold}.`)
  const snapshot = await compilePolicySet(await sourceOf(context))
  const explanation = await explainScene(snapshot, recorded.scene, {
    unknowns: unknownsIn(snapshot, recorded.unknowns),
  })
  const other = versionOf(record) !== snapshot.version
  const others = (record.decision.by ?? []).filter(({ point }) => point !== 'own')
  return {
    explanation,
    notes: [
      was,
      'Arguments and scopes are not in the record; labels, roles and states are those of today.',
      ...others.map(({ point, effect, request }) => `Asked too: ${point} said ${effect} (${request}).`),
      ...(other ? ['It was decided by other policies than these (`credence policy log`).'] : []),
    ],
  }
}

export const policyExplain: Command = {
  name: 'policy explain',
  operands: '[dec_...|rec_...]',
  summary: 'Why is this request allowed or denied, and what is missing?',
  help: [
    'One recorded decision by its id, or one request by flags or by --facts FILE (facts, or a test file with --test).',
    'The policies are those in force, or with --policies those of a folder; then nothing needs to run.',
  ].join('\n'),
  takes: [0, 1],
  flags: {
    policies: { type: 'string', value: 'DIR', about: 'a folder instead of the policies in force' },
    facts: { type: 'string', value: 'FILE', about: 'the request as JSON' },
    test: { type: 'string', value: 'NAME', about: 'which test of that file' },
    all: { type: 'boolean', about: 'also policies of which more than one part is missing' },
    ...FACT_FLAGS,
  },
  run: async (context) => {
    const [id] = context.operands
    if (id === undefined && context.text('facts') === undefined && context.text('server') === undefined) {
      throw usage(
        'Name a recorded decision (dec_... or rec_...), a file (--facts), or a request (--server, --tool, --agent).',
      )
    }
    const { explanation, notes } = id === undefined ? await explainRequest(context) : await explainRecord(context, id)
    context.print({ ...explanation, notes }, () => explanationText(explanation, context.on('all'), notes))
    if (explanation.disagreement !== undefined) throw bug('explanation_differs', explanation.disagreement)
  },
}
