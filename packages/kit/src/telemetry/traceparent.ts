export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero. */
  readonly parentId: string
  readonly sampled: boolean
}

const VERSION_00 = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
/** Versions above 00 may carry more behind another dash; `ff` is forbidden. */
const LATER = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/

/** W3C Trace Context section 3.2.2; undefined when it is not valid: a broken one is ignored, it refuses nobody. */
export const parseTraceparent = (text: string): TraceContext | undefined => {
  if (text.length > 256) return undefined
  const parts = text.startsWith('00') ? VERSION_00.exec(text) : LATER.exec(text)
  const [, traceId = '', parentId = '', flags = ''] = parts ?? []
  if (parts === null || /^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export const formatTraceparent = (context: TraceContext): string =>
  `00-${context.traceId}-${context.parentId}-${context.sampled ? '01' : '00'}`

/** The trace id of the one header field that was sent; two fields, or one that is not valid, are no hint. */
export const traceIdOf = (fields: readonly string[]): string | undefined =>
  fields.length === 1 ? parseTraceparent(fields[0] ?? '')?.traceId : undefined
