/** What a run reached. A proof that never met an operator or a kind of failure proves nothing about it. */
import { CALL_NAMES } from '../../compile/calls.ts'
import { FAILURE_KINDS, type FailureKind } from '../../compile/errors.ts'
import { OPERATORS } from '../../compile/expression.ts'
import type { Verdict } from '../../compile/program.ts'

/** Forms that stand in Cedar's JSON beside the operators, or that only a value shows. */
const FORMS = [
  'scope All',
  'scope ==',
  'scope in',
  'scope is',
  'scope is in',
  'slot ==',
  'slot in',
  'slot is in',
  'action All',
  'action ==',
  'action in',
  'action in []',
  'when',
  'unless',
  'annotation',
  'permit',
  'forbid',
  'has path',
  'is in',
  'wildcard',
  'long beyond 2^53',
  'unknown',
] as const
const OUTCOMES = [
  'allowed',
  'forbidden',
  'no policy',
  'several reasons',
  'typed set',
  'validated policy',
  'link holds',
  'engine asked',
] as const
const KINDS: readonly FailureKind[] = FAILURE_KINDS.filter((kind) => kind !== 'other')

export class Coverage {
  readonly counts = new Map<string, number>()
  cases = 0

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }

  /** A part of Cedar's JSON form. */
  expression(value: unknown): void {
    if (Array.isArray(value)) for (const item of value) this.expression(item)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    for (const [name, inner] of Object.entries(value)) {
      this.count(`operator ${name}`)
      if (name === '__long') this.count('long beyond 2^53')
      if (name === 'has' && Array.isArray((inner as { attr: unknown }).attr)) this.count('has path')
      if (name === 'is' && 'in' in (inner as object)) this.count('is in')
      if (name === 'like' && JSON.stringify(inner).includes('"Wildcard"')) this.count('wildcard')
      if (name === 'unknown') this.count('unknown')
      this.expression(inner)
    }
  }

  #scope(scope: { readonly op: string; readonly slot?: string; readonly in?: { readonly slot?: string } }): void {
    const form = scope.in === undefined ? scope.op : `${scope.op} in`
    this.count(`${(scope.slot ?? scope.in?.slot) === undefined ? 'scope' : 'slot'} ${form}`)
  }

  policy(json: string): void {
    const policy = JSON.parse(json)
    this.#scope(policy.principal)
    this.#scope(policy.resource)
    this.count(policy.action.entities === undefined ? `action ${policy.action.op}` : 'action in []')
    this.count(policy.effect)
    if (policy.annotations !== undefined) this.count('annotation')
    for (const { kind, body } of policy.conditions) {
      this.count(kind)
      this.expression(body)
    }
  }

  verdict({ allow, reasons, errors }: Verdict): void {
    this.cases++
    this.count(allow ? 'allowed' : reasons.length > 0 ? 'forbidden' : 'no policy')
    if (reasons.length > 1) this.count('several reasons')
    for (const { kind } of errors) this.count(`failure ${kind}`)
  }

  /** What was never reached. */
  missing(): string[] {
    const wanted = [
      ...[...OPERATORS, ...CALL_NAMES].map((name) => `operator ${name}`),
      ...FORMS,
      ...OUTCOMES,
      ...KINDS.map((kind) => `failure ${kind}`),
    ]
    return wanted.filter((what) => !this.counts.has(what))
  }

  lines(): string[] {
    const of = (prefix: string) =>
      [...this.counts]
        .filter(([what]) => what.startsWith(prefix))
        .map(([what, count]) => `${what.slice(prefix.length)} ${count}`)
        .sort()
        .join(', ')
    const others = [...FORMS, ...OUTCOMES].map((what) => `${what} ${this.counts.get(what) ?? 0}`).join(', ')
    return [`${this.cases} cases`, `operators: ${of('operator ')}`, `failures: ${of('failure ')}`, `forms: ${others}`]
  }
}
