/** A domain that really runs: `credence up` as a child, an owner, the two real servers, and an agent. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPerson, type Person } from './person.ts'
import { freePorts, openStage, type Running, realServers, type Stage } from './stage.ts'

export interface TestDomain {
  readonly stage: Stage
  readonly issuer: string
  readonly gatewayUrl: string
  readonly gatewayPort: number
  readonly dataDir: string
  readonly config: string
  /** What the file server serves. */
  readonly documents: string
  readonly person: Person
  readonly up: Running
  /** `credence up` once more on the same data. */
  restart(): Promise<Running>
  command<T = Record<string, unknown>>(...argv: string[]): Promise<T>
  close(): Promise<void>
}

export interface TestDomainOptions {
  /** Default: a folder of the stage. */
  readonly dataDir?: string
  /** Default true. */
  readonly servers?: boolean
  readonly logLevel?: string
  /** More of its `credence.json`. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export const openTestDomain = async (options: TestDomainOptions = {}): Promise<TestDomain> => {
  const stage = openStage()
  const [one = 0, two = 0] = await freePorts(2)
  const issuer = `http://localhost:${one}`
  const gatewayUrl = `http://localhost:${two}`
  const documents = join(stage.dir, 'documents')
  mkdirSync(documents)
  writeFileSync(join(documents, 'hello.txt'), 'hello from a file\n')
  const log = options.logLevel === undefined ? {} : { logLevel: options.logLevel }
  const settings = { issuer, gatewayUrl, stdio: realServers(documents), ...log, ...options.settings }
  const config = stage.writeJson('credence.json', settings)
  const dataDir = options.dataDir ?? join(stage.dir, 'data')
  const start = (): Promise<Running> => stage.start('up', '--data-dir', dataDir, '--config', config)
  const command = <T>(...argv: string[]): Promise<T> =>
    stage.command<T>(...argv, '--data-dir', dataDir, '--config', config)
  const person = createPerson(issuer)
  try {
    let up = await start()
    await person.enrol(readFileSync(String(up.ready.setupLinkFile), 'utf8').trim(), 'Ada')
    if (options.servers !== false) await command('server', 'add', 'files', '--stdio')
    return {
      stage,
      issuer,
      gatewayUrl,
      gatewayPort: two,
      dataDir,
      config,
      documents,
      person,
      get up() {
        return up
      },
      restart: async () => {
        up = await start()
        return up
      },
      command,
      close: () => stage.close(),
    }
  } catch (error) {
    await stage.close()
    throw error
  }
}

/** The process is gone, whatever it was doing. */
export const killed = async ({ child }: Running): Promise<void> => {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
