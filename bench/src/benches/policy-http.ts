/** The decision point over HTTP, beside Cerbos: AuthZEN questions about the same policies. */
import { type Figure, figure } from '../figure.ts'
import { fileOf, start } from '../measure/processes.ts'
import { type Contender, interleaved, type Measured, type RoundOptions, startLoad } from '../measure/rounds.ts'
import { cerbosBinary, startCerbos } from '../peers/cerbos.ts'
import type { Ready } from '../servers/decisions.ts'
import { questionOf } from '../servers/tool-world.ts'
import type { Context } from './bench.ts'

const QUESTIONS = 500
const BATCH = 100

const questions = (cerbos: boolean): object[] => Array.from({ length: QUESTIONS }, (_, n) => questionOf(n, cerbos))

const batches = (): string[] =>
  Array.from({ length: 5 }, (_, n) =>
    JSON.stringify({ evaluations: questions(false).slice(n * BATCH, (n + 1) * BATCH) }),
  )

const decisionsOf = async (url: string, asked: readonly object[]): Promise<unknown[]> => {
  const decisions: unknown[] = []
  for (const body of asked) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    decisions.push(((await response.json()) as { readonly decision?: unknown }).decision)
  }
  return decisions
}

/** Both say the same, and not always the same. */
const compare = async (ours: string, theirs: string): Promise<void> => {
  const [mine, other] = [
    await decisionsOf(ours, questions(false).slice(0, BATCH)),
    await decisionsOf(theirs, questions(true).slice(0, BATCH)),
  ]
  if (mine.some((decision, index) => decision !== other[index])) throw new Error('Cerbos decides otherwise')
  const allowed = mine.filter((decision) => decision === true).length
  if (allowed < BATCH / 5 || allowed > (BATCH * 4) / 5) throw new Error(`${allowed} of ${BATCH} are allowed`)
}

const named = (name: string, value: number, unit: string, least?: number): Figure =>
  figure(name, value, unit, least === undefined ? {} : { least }, 'policy')

const cpuOf = (measured: ReadonlyMap<string, Measured>, name: string): number => measured.get(name)?.cpu ?? Number.NaN

/** Single questions are many short requests; a quick run has few of them, and Cerbos' clock is coarse. */
const options = (quick: boolean): RoundOptions =>
  quick
    ? { connections: 16, rounds: 1, count: 300, warmUp: 200 }
    : { connections: 16, rounds: 5, count: 4000, warmUp: 8000 }

const contenders = async (server: Awaited<ReturnType<typeof start<Ready>>>, accessToken: string) => {
  const { issuer, port, operator } = server.ready
  const bodies = questions(false).map((question) => JSON.stringify(question))
  const at = (tenant: string, path: string) => `${issuer}/${tenant}/access/v1/${path}`
  const as = { client: operator, accessToken }
  const ours = (name: string, plan: Contender['plan']): Contender => ({ name, server, port, plan })
  return {
    single: [
      ours('open', { kind: 'ask', url: at('open', 'evaluation'), bodies }),
      ours('closed', { kind: 'ask', url: at('closed', 'evaluation'), bodies, as }),
    ],
    batch: [ours('batch', { kind: 'ask', url: at('open', 'evaluations'), bodies: batches() })],
  }
}

export const policyHttp = async ({ quick, note, say }: Context): Promise<readonly Figure[]> => {
  const server = await start<Ready>(fileOf('servers/decisions.ts'))
  const { issuer, operator } = server.ready
  const load = await startLoad()
  const resource = `${issuer}/v1`
  const form = { scope: 'decide' }
  const token = await load.token({ kind: 'token', issuer, client: operator, resource, nonces: true, form })
  const { single, batch } = await contenders(server, token)
  const binary = cerbosBinary()
  const cerbos = binary === undefined ? undefined : await startCerbos(binary)
  if (cerbos === undefined) say('  Cerbos is absent: its package is not installed, or not for this platform')
  else {
    const url = `http://127.0.0.1:${cerbos.port}/access/v1/evaluation`
    await compare(`${issuer}/open/access/v1/evaluation`, url)
    const bodies = questions(true).map((question) => JSON.stringify(question))
    single.push({ name: 'cerbos', server: cerbos, port: cerbos.port, plan: { kind: 'ask', url, bodies } })
  }
  const measured = await interleaved(load, single, options(quick))
  const batched = await interleaved(load, batch, {
    ...options(quick),
    count: quick ? 60 : 600,
    warmUp: quick ? 60 : 600,
  })
  const [open, closed, theirs] = ['open', 'closed', 'cerbos'].map((name) => cpuOf(measured, name)) as [
    number,
    number,
    number,
  ]
  await Promise.all([server, load, ...(cerbos === undefined ? [] : [cerbos])].map((one) => one.stop()))
  const rest = cerbos === undefined ? '' : `; Cerbos ${Math.round(theirs)} us`
  note(
    `AuthZEN over HTTP, one question a request: ${Math.round(open)} us of the server's processor without authentication and record, ${Math.round(closed)} us with both${rest}`,
  )
  return [
    ...(cerbos === undefined ? [] : [named('pdp.http.vs_cerbos', theirs / open, 'x', 10)]),
    ...(cerbos === undefined ? [] : [named('pdp.http.guarded_vs_cerbos', theirs / closed, 'x')]),
    named('pdp.http.single', 1_000_000 / open, '/CPU-s'),
    named('pdp.http.single_guarded', 1_000_000 / closed, '/CPU-s'),
    named('pdp.http.batch', (BATCH * 1_000_000) / cpuOf(batched, 'batch'), '/CPU-s', 200_000),
  ]
}
