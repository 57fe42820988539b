import type { EdgeRequest } from '@credence/kit/http'
import { traceIdOf } from '@credence/kit/telemetry'

/** The trace id of a well-formed `traceparent`, and nothing else: what a caller sends goes into the ledger. */
export const traceOf = ({ headers }: Pick<EdgeRequest, 'headers'>): string | undefined =>
  traceIdOf(headers.all('traceparent'))
