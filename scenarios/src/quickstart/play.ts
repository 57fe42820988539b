/** What every part of the quickstart knows. */
import { join } from 'node:path'
import { createPerson, freePorts, type Person, ROOT, realServers, type Stage } from '@credence/cli/testing'
import type { Human } from '../human.ts'
import type { RawAnswer } from '../raw-call.ts'
import type { Report } from '../report.ts'

export const READ = { path: join(ROOT, 'docs/policy.md'), head: 1 }
export const LIST = { path: join(ROOT, 'docs') }
export const ALLOWED = ['list_directory', 'read_text_file', 'search_files']

export interface Play {
  readonly stage: Stage
  readonly report: Report
  readonly issuer: string
  readonly gatewayUrl: string
  readonly dataDir: string
  readonly config: string
  /** Of the gateway beside the authority, and of the one in a process of its own. */
  readonly ports: readonly [near: number, far: number]
  /** Whoever sits at this machine, if somebody does. */
  readonly human: Human
  /** Driven by the scenario: allows whatever must not wait for anybody. */
  readonly person: Person
}

export const files = (play: Play): string => `${play.gatewayUrl}/mcp/files`
export const inPlay = (play: Play, ...argv: string[]): string[] => [...argv, '--data-dir', play.dataDir]

export const textOf = (result: unknown): string => {
  const { content, isError } = result as { content?: readonly { text?: string }[]; isError?: boolean }
  return `${isError === true ? 'error: ' : ''}${(content ?? []).map(({ text }) => text ?? '').join(' ')}`
    .replace(/\s+/g, ' ')
    .slice(0, 80)
}

/** Why a call through the client library was refused; undefined when it was not. */
export const refusedCall = async (call: Promise<unknown>): Promise<string | undefined> => {
  try {
    await call
    return undefined
  } catch (error) {
    const { message } = error as Error
    const inside = /"error":\{"code":-?\d+,"message":"((?:[^"\\]|\\.)*)"/.exec(message)?.[1]
    return inside === undefined ? message : (JSON.parse(`"${inside}"`) as string)
  }
}

export const setStage = async (stage: Stage, report: Report, human: Human): Promise<Play> => {
  const [one = 0, two = 0, three = 0] = await freePorts(3)
  const issuer = `http://localhost:${one}`
  const gatewayUrl = `http://localhost:${two}`
  const config = stage.writeJson('credence.json', {
    issuer,
    gatewayUrl,
    stdio: realServers(join(ROOT, 'docs')),
  })
  const dataDir = join(stage.dir, 'data')
  const person = createPerson(issuer)
  return { stage, report, human, issuer, gatewayUrl, dataDir, config, ports: [two, three], person }
}

export const isAllowed = ({ status, body }: RawAnswer): boolean => status === 200 && body.error === undefined
