/** Header fields as node hands them over: names in lower case, a repeated field as an array or joined. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** The single value; `undefined` when absent, `null` when it stands more than once. */
export const singleHeader = (headers: Headers, name: string): string | null | undefined => {
  const value = headers[name]
  if (value === undefined || typeof value === 'string') return value
  return value.length === 1 ? value[0] : null
}

export const PROTOCOL_VERSION_HEADER = 'mcp-protocol-version'
