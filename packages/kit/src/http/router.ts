/** From method and path to a route: exact paths by one look-up, then the patterns. */

import { refused } from '../errors.ts'
import type { Method, Mount, Route } from './types.ts'

export type Match =
  | { readonly kind: 'route'; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'mount'; readonly mount: Mount }
  | { readonly kind: 'method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' }

type ByMethod = Map<Method, Route>
interface Pattern {
  readonly segments: readonly string[]
  /** Of the parameter at the same place; undefined for a literal. */
  readonly names: readonly (string | undefined)[]
  readonly methods: ByMethod
}

const NO_PARAMS = Object.freeze({})
const PATH = /^\/(?:[A-Za-z0-9._~-]+|:[A-Za-z][A-Za-z0-9]*)?(?:\/(?:[A-Za-z0-9._~-]+|:[A-Za-z][A-Za-z0-9]*))*$/

/** A foreign handler may decode more than we do: what could mean another path to it does not reach it. */
const ambiguous = (path: string): boolean => /[%\\;]|\/\/|\/\.{1,2}(?:\/|$)/.test(path)

const decodeSegment = (segment: string): string => {
  if (!segment.includes('%') && !segment.includes('\u0000')) return segment
  try {
    const value = decodeURIComponent(segment)
    if (!value.includes('\u0000')) return value
  } catch {
    // Falls through to the refusal.
  }
  throw refused('path_invalid', 'The path is not valid percent-encoded UTF-8.', { status: 400 })
}

const fits = (pattern: readonly string[], segments: readonly string[]): boolean => {
  if (pattern.length !== segments.length) return false
  for (let at = 0; at < pattern.length; at += 1) {
    const wanted = pattern[at] as string
    if (wanted.startsWith(':') ? segments[at] === '' : wanted !== segments[at]) return false
  }
  return true
}

const paramsOf = (names: Pattern['names'], segments: readonly string[]): Record<string, string> => {
  const params: Record<string, string> = Object.create(null)
  for (let at = 0; at < names.length; at += 1) {
    const name = names[at]
    if (name !== undefined) params[name] = decodeSegment(segments[at] as string)
  }
  return params
}

const add = (methods: ByMethod, route: Route): void => {
  if (methods.has(route.method)) throw new TypeError(`Two routes for ${route.method} ${route.path}`)
  methods.set(route.method, route)
}

const allowed = (methods: ByMethod): string[] => {
  const names: string[] = [...methods.keys()]
  if (methods.has('GET')) names.push('HEAD')
  return [...names, 'OPTIONS'].sort()
}

export class Router {
  readonly #exact = new Map<string, ByMethod>()
  readonly #patterns: Pattern[] = []
  readonly #mounts: readonly Mount[]

  constructor(routes: readonly Route[], mounts: readonly Mount[] = []) {
    const names = new Set<string>()
    this.#mounts = mounts
    for (const route of routes) {
      if (!PATH.test(route.path)) throw new TypeError(`Not a path of a route: ${route.path}`)
      if (names.has(route.name)) throw new TypeError(`Two routes are named ${route.name}`)
      names.add(route.name)
      add(this.#methodsFor(route.path), route)
    }
    // Literal segments win over parameters, whatever the order of declaration.
    const rank = (pattern: Pattern): string =>
      pattern.segments.map((segment) => (segment.startsWith(':') ? '1' : '0')).join('')
    this.#patterns.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  }

  #methodsFor(path: string): ByMethod {
    if (!path.includes('/:')) {
      const known = this.#exact.get(path) ?? new Map()
      this.#exact.set(path, known)
      return known
    }
    const shape = path.replace(/:[^/]+/g, ':')
    const known = this.#patterns.find(({ segments }) => segments.join('/').replace(/:[^/]+/g, ':') === shape)
    if (known !== undefined && known.segments.join('/') === path) return known.methods
    if (known !== undefined) throw new TypeError(`Two names for the same parameter: ${path}`)
    const segments = path.split('/')
    const names = segments.map((segment) => (segment.startsWith(':') ? segment.slice(1) : undefined))
    const pattern = { segments, names, methods: new Map() }
    this.#patterns.push(pattern)
    return pattern.methods
  }

  find(method: string, path: string): Match {
    const exact = this.#exact.get(path)
    if (exact !== undefined) return this.#among(exact, method, () => NO_PARAMS)
    const segments = path.split('/')
    const pattern = this.#patterns.find((one) => fits(one.segments, segments))
    if (pattern !== undefined) return this.#among(pattern.methods, method, () => paramsOf(pattern.names, segments))
    const mount = this.#mounts.find((one) =>
      one.prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)),
    )
    if (mount !== undefined && !ambiguous(path)) return { kind: 'mount', mount }
    return { kind: 'none' }
  }

  #among(methods: ByMethod, method: string, params: () => Readonly<Record<string, string>>): Match {
    const route = methods.get((method === 'HEAD' ? 'GET' : method) as Method)
    return route === undefined
      ? { kind: 'method', allow: allowed(methods) }
      : { kind: 'route', route, params: params() }
  }
}
