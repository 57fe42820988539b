/** Tracing is a port: without an OpenTelemetry SDK in the process it costs nothing. */
import type { TraceContext } from './traceparent.ts'

export type Attributes = Readonly<Record<string, string | number | boolean>>

/** What we ask of tracing; `noTracing` when nobody listens. */
export interface Tracing {
  /** Runs `work` inside a span; a throw is recorded and thrown on. */
  span<T>(name: string, attributes: Attributes, work: () => Promise<T> | T, parent?: TraceContext): Promise<T>
}

export const noTracing: Tracing = { span: async (_name, _attributes, work) => work() }

interface OtelSpan {
  spanContext(): { readonly traceId: string }
  setStatus(status: { code: number }): unknown
  end(): void
}

/** The part of `@opentelemetry/api` that is used, so that the package stays optional. */
export interface OpenTelemetryApi<Context = unknown> {
  readonly trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options: { attributes: Record<string, string | number | boolean> },
        context: Context,
      ): OtelSpan
    }
    setSpan(context: Context, span: never): Context
    setSpanContext(
      context: Context,
      parent: { traceId: string; spanId: string; traceFlags: number; isRemote: boolean },
    ): Context
  }
  readonly context: {
    active(): Context
    with<T>(context: Context, work: () => T): T
  }
}

const ERROR = 2
/** The trace of a span that nobody collects. */
const NO_TRACE = '0'.repeat(32)

/** `openTelemetry` when an SDK is registered in this process, otherwise nothing: spans that nobody sees cost time. */
export const registeredTracing = <Context>(api: OpenTelemetryApi<Context>, name: string): Tracing | undefined => {
  // Never ended, so never exported.
  const probe = api.trace.getTracer(name).startSpan('probe', { attributes: {} }, api.context.active())
  return probe.spanContext().traceId === NO_TRACE ? undefined : openTelemetry(api, name)
}

/** `openTelemetry(await import('@opentelemetry/api'), 'credence')` */
export const openTelemetry = <Context>(api: OpenTelemetryApi<Context>, name: string): Tracing => {
  const tracer = api.trace.getTracer(name)
  return {
    span: async (title, attributes, work, parent) => {
      const remote = parent && {
        traceId: parent.traceId,
        spanId: parent.parentId,
        traceFlags: parent.sampled ? 1 : 0,
        isRemote: true,
      }
      const outer = remote === undefined ? api.context.active() : api.trace.setSpanContext(api.context.active(), remote)
      const span = tracer.startSpan(title, { attributes: { ...attributes } }, outer)
      try {
        return await api.context.with(api.trace.setSpan(outer, span as never), work)
      } catch (error) {
        span.setStatus({ code: ERROR })
        throw error
      } finally {
        span.end()
      }
    },
  }
}
