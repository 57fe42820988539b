/** Starts the outside tool, one scenario at a time, and reads what it found. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Check } from '../suite.ts'

const require = createRequire(import.meta.url)
export const TOOL = join(require.resolve('@modelcontextprotocol/conformance/package.json'), '../dist/index.js')

interface ToolCheck {
  readonly id: string
  readonly description: string
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED'
  readonly errorMessage?: string
}

export interface Ran {
  readonly checks: readonly ToolCheck[]
  readonly status: number
  readonly output: string
}

/** `onOutput` sees what the tool prints while it runs. */
export const runTool = async (
  args: readonly string[],
  onOutput: (text: string) => void = () => {},
  timeoutMs = 90_000,
): Promise<Ran> => {
  const folder = mkdtempSync(join(tmpdir(), 'credence-conformance-'))
  let output = ''
  try {
    const child = spawn(process.execPath, [TOOL, ...args, '-o', folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    const take = (piece: Buffer): void => {
      output += piece.toString()
      onOutput(output)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const status = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)))
    clearTimeout(timer)
    const checks = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('checks.json') && existsSync(join(folder, path)))
      .flatMap((path) => JSON.parse(readFileSync(join(folder, path), 'utf8')) as ToolCheck[])
    return { checks, status, output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const judged = new Set(['SUCCESS', 'FAILURE', 'WARNING'])

/** A warning of the tool is a failure here: it marks what a specification says one SHOULD do. */
export const checksOf = (prefix: string, ran: Ran): Check[] => {
  const found = ran.checks
    .filter(({ status }) => judged.has(status))
    .map(({ id, status, description, errorMessage }) => ({
      name: `${prefix}/${id}`,
      ok: status === 'SUCCESS',
      detail: errorMessage ?? description,
    }))
  const silent = found.length === 0 || (ran.status !== 0 && found.every(({ ok }) => ok))
  return silent ? [...found, { name: `${prefix}/run`, ok: false, detail: ran.output.slice(-2000) }] : found
}

/** Two at a time: the tool and its children are processes. */
export const inTurn = async <T>(items: readonly T[], run: (item: T) => Promise<void>, width = 2): Promise<void> => {
  const waiting = [...items]
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
