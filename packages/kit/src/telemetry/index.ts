export { createLogger, type Fields, type Level, type Logger, type LoggerOptions, silentLogger } from './log.ts'
export { type Counter, createMetrics, type Gauge, type Histogram, type Labels, type Metrics } from './metrics.ts'
export { redactText } from './redact.ts'
export { formatTraceparent, parseTraceparent, type TraceContext, traceIdOf } from './traceparent.ts'
export {
  type Attributes,
  noTracing,
  type OpenTelemetryApi,
  openTelemetry,
  registeredTracing,
  type Tracing,
} from './tracing.ts'
