import type { EdgeRequest } from '@credence/kit/http'
import { parseTraceparent } from '@credence/kit/telemetry'

/** The trace id of a well-formed `traceparent`, and nothing else: what a caller sends goes into the ledger. */
export const traceOf = ({ headers }: Pick<EdgeRequest, 'headers'>): string | undefined => {
  const sent = headers.all('traceparent')
  return sent.length === 1 ? parseTraceparent(sent[0] ?? '')?.traceId : undefined
}
