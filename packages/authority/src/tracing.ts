/** Traces for whoever has registered an OpenTelemetry SDK in this process. */
import { createRequire } from 'node:module'
import { registeredTracing, type Tracing } from '@credence/kit/telemetry'
import type * as Api from '@opentelemetry/api'

/** Where every copy of the API of this major version keeps what was registered. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

/** Nothing when there is no SDK. Ask after it was registered: `node --import ./telemetry.js ...` does that in time. */
export const processTracing = (): Tracing | undefined => {
  if (!(REGISTERED in globalThis)) return undefined
  const api = createRequire(import.meta.url)('@opentelemetry/api') as typeof Api
  return registeredTracing(api, 'credence')
}
