/**
 * Several statements in one message exchange: in the extended protocol everything up to Sync that is not inside an
 * explicit BEGIN is one transaction, so a batch is atomic in one round trip. An error skips what follows up to Sync.
 */
import type { Row, Value } from '../types.ts'
import { type Field, readRow, writeValue } from './values.ts'

export interface Step {
  readonly text: string
  readonly parameters: readonly Value[]
}

export interface StepResult {
  readonly rows: Row[]
  /** Rows returned or changed. */
  readonly count: number
}

/** What the driver gives to a query object that speaks the protocol itself. */
export interface Wire {
  readonly stream: { cork?(): void; uncork?(): void }
  parse(message: { name: string; text: string }): void
  bind(message: { portal: string; statement: string; values: readonly Value[]; valueMapper: typeof writeValue }): void
  describe(message: { type: 'P'; name: string }): void
  execute(message: { portal: string; rows: number }): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/** An error, and which step it stopped; after the last step: the commit itself. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError'
  readonly step: number
  constructor(step: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.step = step
  }
}

const MAX_NAMED = 500
const names = new Map<string, string>()
/** INVARIANT: a name is in the set of its connection only after the server executed it there. */
const prepared = new WeakMap<Wire, Set<string>>()

const nameOf = (text: string): string => {
  const known = names.get(text)
  if (known !== undefined) return known
  if (names.size >= MAX_NAMED) return ''
  const name = `credence_${names.size}`
  names.set(text, name)
  return name
}

const preparedOn = (wire: Wire): Set<string> => {
  const known = prepared.get(wire)
  if (known !== undefined) return known
  const fresh = new Set<string>()
  prepared.set(wire, fresh)
  return fresh
}

/** A query object for `client.query`; the methods named `handle...` are called by the driver. */
export class Pipeline {
  readonly done: Promise<StepResult[]>
  private readonly steps: readonly Step[]
  private readonly results: StepResult[] = []
  private fields: readonly Field[] = []
  private rows: Row[] = []
  private known: Set<string> = new Set()
  private resolve: (results: StepResult[]) => void = () => undefined
  private reject: (error: Error) => void = () => undefined

  constructor(steps: readonly Step[]) {
    this.steps = steps
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  submit(wire: Wire): void {
    this.known = preparedOn(wire)
    const parsed = new Set<string>()
    wire.stream.cork?.()
    try {
      for (const step of this.steps) this.send(wire, step, parsed)
      wire.sync()
    } finally {
      wire.stream.uncork?.()
    }
  }

  private send(wire: Wire, step: Step, parsed: Set<string>): void {
    const name = nameOf(step.text)
    if (name === '' || !(this.known.has(name) || parsed.has(name))) {
      // NOTE: an earlier batch may have prepared it and failed before it ran; closing what is not there is no error.
      if (name !== '') wire.close({ type: 'S', name })
      wire.parse({ name, text: step.text })
      parsed.add(name)
    }
    wire.bind({ portal: '', statement: name, values: step.parameters, valueMapper: writeValue })
    wire.describe({ type: 'P', name: '' })
    wire.execute({ portal: '', rows: 0 })
  }

  private finishStep(count: number): void {
    const name = nameOf(this.steps[this.results.length]?.text ?? '')
    if (name !== '') this.known.add(name)
    this.results.push({ rows: this.rows, count })
    this.rows = []
    this.fields = []
  }

  handleRowDescription(message: { fields: readonly Field[] }): void {
    this.fields = message.fields
  }

  handleDataRow(message: { fields: readonly (string | null)[] }): void {
    this.rows.push(readRow(this.fields, message.fields))
  }

  handleCommandComplete(message: { text: string }): void {
    this.finishStep(Number(/\d+$/.exec(message.text)?.[0] ?? 0))
  }

  handleEmptyQuery(): void {
    this.finishStep(0)
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: { sendCopyFail(message: string): void }): void {
    connection.sendCopyFail('not supported')
  }

  handleCopyData(): void {}

  handleError(error: unknown): void {
    const name = nameOf(this.steps[this.results.length]?.text ?? '')
    if (name !== '') this.known.delete(name)
    this.reject(new PipelineError(this.results.length, error))
  }

  /** INVARIANT: success is told here and not at the last CommandComplete: the commit happens in between. */
  handleReadyForQuery(): void {
    this.resolve(this.results)
  }
}
