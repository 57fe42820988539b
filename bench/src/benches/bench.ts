/** What a bench is, and the processes that several of them share. */
import type { Figure } from '../figure.ts'
import type { Plan } from '../load/requests.ts'
import type { Usage } from '../measure/probe.ts'
import { BESIDE, fileOf, type Running, start } from '../measure/processes.ts'
import { type Contender, type Load, type Measured, type RoundOptions, startLoad } from '../measure/rounds.ts'
import type { Ready } from '../servers/credence.ts'

export interface World {
  readonly load: Load
  readonly upstream: string
  readonly credence: Running & { readonly ready: Ready }
  readonly ceiling: Running & { readonly ready: { readonly port: number } }
  readonly publicJwk: string
  /** Of `credence` before its first request. */
  readonly idle: Usage
  tokenPlan(issuer: string, nonces: boolean, form?: Readonly<Record<string, string>>): Extract<Plan, { kind: 'token' }>
  /** An access token for one of our servers and its tool `echo`, from our token endpoint. */
  token(resource: string): Promise<string>
  close(): Promise<void>
}

export interface Context {
  readonly quick: boolean
  readonly say: (line: string) => void
  /** Started when first asked for. */
  readonly world: () => Promise<World>
  /** Figures beside those with a target, for the page. */
  readonly note: (line: string) => void
}

export type Bench = (context: Context) => Promise<readonly Figure[]>

export const rounds = ({ quick }: Context, connections: number): RoundOptions => ({
  connections,
  rounds: quick ? 2 : 7,
  count: quick ? 500 : 4_000,
  warmUp: quick ? 1_000 : 8_000,
})

export const us = (value: number | undefined): string => `${Math.round(value ?? 0)} us`

/** One line of the page: what everybody needed, and how long callers waited for us. */
export const describe = (what: string, connections: number, measured: ReadonlyMap<string, Measured>): string => {
  const cpu = [...measured.values()].map((one) => `${one.name} ${us(one.cpu)}`).join(', ')
  const ours = measured.get('credence')
  const wait = ours === undefined ? '' : `; latency p50 ${ours.p50.toFixed(1)} ms, p99 ${ours.p99.toFixed(1)} ms`
  return `${what}, ${connections} connection${connections === 1 ? '' : 's'}: ${cpu}${wait}`
}

export const ratio = (measured: ReadonlyMap<string, Measured>, above: string, below: string): number =>
  (measured.get(above)?.cpu ?? Number.NaN) / (measured.get(below)?.cpu ?? Number.NaN)

export const contender = (name: string, server: Running, port: number, plan: Plan): Contender => ({
  name,
  server,
  port,
  plan,
})

export const openWorld = async (): Promise<World> => {
  const echo = await start<{ port: number }>(fileOf('servers/upstream.ts'), { core: BESIDE })
  const upstream = `http://127.0.0.1:${echo.ready.port}`
  const credence = await start<Ready>(fileOf('servers/credence.ts'), { args: [upstream] })
  const { client, issuer, http } = credence.ready
  const idle = await credence.collect()
  const { d, ...publicPart } = client.jwk
  const publicJwk = JSON.stringify(publicPart)
  const ceiling = await start<{ port: number }>(fileOf('ceiling.ts'), { args: [publicJwk, upstream] })
  const load = await startLoad()
  const tokenPlan: World['tokenPlan'] = (at, nonces, form = {}) => ({
    kind: 'token',
    issuer: at,
    client,
    resource: http,
    nonces,
    form,
  })
  return {
    load,
    upstream,
    credence,
    ceiling,
    publicJwk,
    idle,
    tokenPlan,
    token: (resource) => {
      const details = [{ type: 'mcp_tools', locations: [resource], tools: ['echo'] }]
      const form = { authorization_details: JSON.stringify(details), resource }
      return load.token(tokenPlan(issuer, true, form))
    },
    close: async () => {
      await Promise.all([load, credence, ceiling, echo].map((one) => one.stop()))
    },
  }
}
