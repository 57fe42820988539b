/** Which names of the context a policy reads: what nobody reads need not be made. */

/** `whole`: the context is used as one value, so every name of it counts. */
export type ContextReads = ReadonlySet<string> | 'whole'

type Json = { readonly [name: string]: unknown }
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null

const isContext = (value: unknown): boolean => isJson(value) && value.Var === 'context'

/** `context.name`, `context has name` and `context has name.inner`. */
const nameRead = (json: Json): string | undefined => {
  for (const operator of ['.', 'has']) {
    const access = json[operator]
    if (!isJson(access) || !isContext(access.left)) continue
    const name: unknown = Array.isArray(access.attr) ? access.attr[0] : access.attr
    if (typeof name === 'string') return name
  }
  return undefined
}

const collect = (json: unknown, into: Set<string>): boolean => {
  if (!isJson(json)) return true
  const name = nameRead(json)
  if (name !== undefined) into.add(name)
  else if (json.Var === 'context') return false
  else for (const inner of Object.values(json)) if (!collect(inner, into)) return false
  return true
}

/** `json`: a policy in Cedar's JSON form. INVARIANT: a name that is not in the answer cannot change what the policy says. */
export const contextReads = (json: unknown): ContextReads => {
  const names = new Set<string>()
  return collect(json, names) ? names : 'whole'
}

export const allReads = (reads: Iterable<ContextReads>): ContextReads => {
  const names = new Set<string>()
  for (const one of reads) {
    if (one === 'whole') return 'whole'
    for (const name of one) names.add(name)
  }
  return names
}
