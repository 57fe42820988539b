/** What a listener counts of its requests. Labels are names of ours: nothing that a caller chooses. */
import type { Metrics } from '../telemetry/metrics.ts'
import type { Served } from './server.ts'

/** For `onServed`: latency and count by route and class of status, and errors by their code. */
export const servedMetrics = (metrics: Metrics): ((served: Served) => void) => {
  const seconds = metrics.histogram('credence_http_seconds', 'Time to answer, by route and status class')
  const errors = metrics.counter('credence_http_errors_total', 'Requests that ended in an error, by route and code')
  return ({ route, status, ms, code }) => {
    seconds.observe(ms / 1000, { route, status: `${Math.floor(status / 100)}xx` })
    if (code !== undefined) errors.add(1, { route, code })
  }
}
