/** Counters, gauges and histograms in Prometheus' text format; the number of series is bounded. */
import { bug } from '../errors.ts'

export type Labels = Readonly<Record<string, string>>
export interface Counter {
  add(value?: number, labels?: Labels): void
}
export interface Gauge {
  set(value: number, labels?: Labels): void
}
export interface Histogram {
  /** Seconds, by Prometheus convention. */
  observe(value: number, labels?: Labels): void
}

export interface Metrics {
  counter(name: string, help: string): Counter
  gauge(name: string, help: string): Gauge
  histogram(name: string, help: string, buckets?: readonly number[]): Histogram
  /** Runs before each exposition, to set gauges. */
  collect(read: () => void): void
  /** Prometheus text exposition format 0.0.4. */
  text(): string
}

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const LATENCY = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** INVARIANT: labels from outside cannot fill the memory: further series of one metric are counted under `other`. */
const MAX_SERIES = 1_000

const escapeValue = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"').slice(0, 200)

const labelText = (labels: Labels): string =>
  Object.keys(labels)
    .sort()
    .map((name) => {
      if (!NAME.test(name)) throw bug('metric_label', `not a label: ${name}`)
      return `${name}="${escapeValue(labels[name] ?? '')}"`
    })
    .join(',')

const withBraces = (labels: string, more = ''): string => {
  const all = [labels, more].filter((text) => text !== '').join(',')
  return all === '' ? '' : `{${all}}`
}

/** Equal texts, equal labels in equal order. */
const asGiven = (labels: Labels | undefined): string => {
  let text = ''
  for (const name in labels) text += `${name}\0${labels[name]}\0`
  return text
}

class Series<T> {
  readonly byLabels = new Map<string, T>()
  /** Found before: what is counted on every request is not sorted and escaped again. */
  readonly #given = new Map<string, T>()
  readonly #fresh: () => T

  constructor(fresh: () => T) {
    this.#fresh = fresh
  }

  at(labels: Labels | undefined): T {
    const given = asGiven(labels)
    const known = this.#given.get(given)
    if (known !== undefined) return known
    const found = this.#find(labels)
    if (this.#given.size < MAX_SERIES) this.#given.set(given, found)
    return found
  }

  #find(labels: Labels | undefined): T {
    const wanted = labels === undefined ? '' : labelText(labels)
    const key = this.byLabels.has(wanted) || this.byLabels.size < MAX_SERIES ? wanted : 'series="other"'
    let found = this.byLabels.get(key)
    if (found === undefined) {
      found = this.#fresh()
      this.byLabels.set(key, found)
    }
    return found
  }
}

interface Bins {
  readonly counts: number[]
  sum: number
  count: number
}

const histogramLines = (name: string, buckets: readonly number[], series: Series<Bins>): string[] => {
  const lines: string[] = []
  for (const [labels, bins] of series.byLabels) {
    let below = 0
    for (const [at, bound] of buckets.entries()) {
      below += bins.counts[at] ?? 0
      lines.push(`${name}_bucket${withBraces(labels, `le="${bound}"`)} ${below}`)
    }
    lines.push(`${name}_bucket${withBraces(labels, 'le="+Inf"')} ${bins.count}`)
    lines.push(`${name}_sum${withBraces(labels)} ${bins.sum}`, `${name}_count${withBraces(labels)} ${bins.count}`)
  }
  return lines
}

class Registry implements Metrics {
  readonly #blocks = new Map<string, () => string[]>()
  readonly #readers: (() => void)[] = []

  #register(name: string, help: string, type: string, lines: () => string[]): void {
    if (!NAME.test(name) || this.#blocks.has(name)) throw bug('metric_name', `not a new metric name: ${name}`)
    const oneLine = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
    this.#blocks.set(name, () => [`# HELP ${name} ${oneLine}`, `# TYPE ${name} ${type}`, ...lines()])
  }

  #plain(name: string, help: string, type: string): Series<{ value: number }> {
    const series = new Series(() => ({ value: 0 }))
    this.#register(name, help, type, () =>
      [...series.byLabels].map(([labels, cell]) => `${name}${withBraces(labels)} ${cell.value}`),
    )
    return series
  }

  counter(name: string, help: string): Counter {
    const series = this.#plain(name, help, 'counter')
    return {
      add: (value = 1, labels) => {
        series.at(labels).value += value
      },
    }
  }

  gauge(name: string, help: string): Gauge {
    const series = this.#plain(name, help, 'gauge')
    return {
      set: (value, labels) => {
        series.at(labels).value = value
      },
    }
  }

  histogram(name: string, help: string, buckets: readonly number[] = LATENCY): Histogram {
    const series = new Series<Bins>(() => ({ counts: buckets.map(() => 0), sum: 0, count: 0 }))
    this.#register(name, help, 'histogram', () => histogramLines(name, buckets, series))
    return {
      observe: (value, labels) => {
        const bins = series.at(labels)
        const at = buckets.findIndex((bound) => value <= bound)
        if (at !== -1) bins.counts[at] = (bins.counts[at] ?? 0) + 1
        bins.sum += value
        bins.count += 1
      },
    }
  }

  collect(read: () => void): void {
    this.#readers.push(read)
  }

  text(): string {
    for (const read of this.#readers) read()
    return `${[...this.#blocks.values()].flatMap((lines) => lines()).join('\n')}\n`
  }
}

export const createMetrics = (): Metrics => new Registry()
