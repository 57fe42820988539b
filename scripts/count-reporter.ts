/** A reporter of node:test that writes one JSON object: the counts, and what was skipped and why. */
interface TestEvent {
  readonly type: string
  readonly data: {
    readonly name?: string
    readonly file?: string
    readonly skip?: string | boolean
    readonly details?: { readonly type?: string }
    readonly counts?: Readonly<Record<string, number>>
  }
}

export default async function* count(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const skipped: string[] = []
  let counts: Readonly<Record<string, number>> = {}
  for await (const { type, data } of events) {
    if (type === 'test:pass' && data.skip !== undefined && data.details?.type !== 'suite') {
      skipped.push(`${data.name}: ${data.skip === true || data.skip === '' ? 'no reason' : data.skip}`)
    }
    if (type === 'test:summary' && data.file === undefined) counts = data.counts ?? {}
  }
  yield JSON.stringify({ counts, skipped })
}
