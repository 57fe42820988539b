/** W3C Trace Context, `traceparent`: a hint to join traces by, never trusted. */

export interface TraceParent {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 hexadecimal digits, not all zero. */
  readonly parentId: string
  readonly sampled: boolean
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const ZERO = /^0+$/

/** Trace Context section 3.2. Undefined for anything that is not exactly right: a bad hint is no hint. */
export const parseTraceParent = (text: string | undefined): TraceParent | undefined => {
  if (text === undefined || text.length > 256) return undefined
  const [whole, version = '', traceId = '', parentId = '', flags = '', more] = FORM.exec(text) ?? []
  if (whole === undefined || version === 'ff' || ZERO.test(traceId) || ZERO.test(parentId)) return undefined
  if (version === '00' && more !== undefined) return undefined
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export const formatTraceParent = ({ traceId, parentId, sampled }: TraceParent): string =>
  `00-${traceId}-${parentId}-${sampled ? '01' : '00'}`
