/** Functions and methods of the extension types. */
import { EvaluationFailure, fail, NotCompiled } from './errors.ts'
import {
  CedarDatetime,
  CedarDuration,
  DURATION_UNITS,
  durationSince,
  offset,
  parseDatetime,
  parseDuration,
  toDate,
  toTime,
  wholeUnits,
} from './extensions/datetime.ts'
import { CedarDecimal, parseDecimal } from './extensions/decimal.ts'
import { CedarIp, isInRange, isLoopback, isMulticast, parseIp } from './extensions/ipaddr.ts'
import { type Evaluate, fold, type Node } from './node.ts'
import { asString, wrongType } from './operators.ts'
import type { CedarValue, Long } from './values.ts'

interface Call {
  readonly boolean: boolean
  readonly arity: 1 | 2
  readonly apply: (first: CedarValue, second: CedarValue) => CedarValue
}

const asDecimal = (value: CedarValue): CedarDecimal =>
  value instanceof CedarDecimal ? value : wrongType('decimal', value)
const asIp = (value: CedarValue): CedarIp => (value instanceof CedarIp ? value : wrongType('ipaddr', value))
const asDatetime = (value: CedarValue): CedarDatetime =>
  value instanceof CedarDatetime ? value : wrongType('datetime', value)
const asDuration = (value: CedarValue): CedarDuration =>
  value instanceof CedarDuration ? value : wrongType('duration', value)

const SHOWN = 80

const make = (name: string, parse: (text: string) => CedarValue | undefined): [string, Call] => {
  const apply = (value: CedarValue): CedarValue => {
    const text = asString(value)
    return (
      parse(text) ??
      fail(
        'extension',
        `error while evaluating \`${name}\` extension function: cannot read \`${text.slice(0, SHOWN)}\``,
      )
    )
  }
  return [name, { boolean: false, arity: 1, apply }]
}

const within = (name: string, value: CedarValue | undefined): CedarValue =>
  value ?? fail('extension', `error while evaluating \`${name}\` extension function: the result overflows`)

const compareDecimals = (name: string, compare: (a: Long, b: Long) => boolean): [string, Call] => [
  name,
  {
    boolean: true,
    arity: 2,
    apply: (a, b) => {
      const left = asDecimal(a)
      return compare(left.units, asDecimal(b).units)
    },
  },
]

const aboutIp = (name: string, test: (address: CedarIp) => boolean): [string, Call] => [
  name,
  { boolean: true, arity: 1, apply: (value) => test(asIp(value)) },
]

const method = (name: string, arity: 1 | 2, apply: Call['apply'], boolean = false): [string, Call] => [
  name,
  { boolean, arity, apply },
]

const CALLS: ReadonlyMap<string, Call> = new Map([
  make('decimal', parseDecimal),
  compareDecimals('lessThan', (a, b) => a < b),
  compareDecimals('lessThanOrEqual', (a, b) => a <= b),
  compareDecimals('greaterThan', (a, b) => a > b),
  compareDecimals('greaterThanOrEqual', (a, b) => a >= b),
  make('ip', parseIp),
  aboutIp('isIpv4', ({ bits }) => bits === 32),
  aboutIp('isIpv6', ({ bits }) => bits === 128),
  aboutIp('isLoopback', isLoopback),
  aboutIp('isMulticast', isMulticast),
  method('isInRange', 2, (inner, outer) => isInRange(asIp(inner), asIp(outer)), true),
  make('datetime', parseDatetime),
  make('duration', parseDuration),
  method('offset', 2, (at, by) => within('offset', offset(asDatetime(at), asDuration(by)))),
  method('durationSince', 2, (at, since) => within('durationSince', durationSince(asDatetime(at), asDatetime(since)))),
  method('toDate', 1, (at) => within('toDate', toDate(asDatetime(at)))),
  method('toTime', 1, (at) => toTime(asDatetime(at))),
  ...Object.entries(DURATION_UNITS).map(([name, unit]) =>
    method(name, 1, (span) => wholeUnits(asDuration(span), unit)),
  ),
])

export const CALL_NAMES: readonly string[] = [...CALLS.keys()]

/** Cedar evaluates every argument before it counts them. */
const miscounted =
  (name: string, wanted: number, args: readonly Node[]): Evaluate =>
  (question) => {
    for (const { run } of args) run(question)
    throw new EvaluationFailure(
      'arguments',
      `wrong number of arguments provided to extension function \`${name}\`: expected ${wanted}, got ${args.length}`,
    )
  }

const running = ({ arity, apply }: Call, first: Evaluate, second: Evaluate): Evaluate =>
  arity === 1 ? (question) => apply(first(question), false) : (question) => apply(first(question), second(question))

/** Throws `NotCompiled` for a function that is not known here. */
export const callNode = (name: string, args: readonly Node[]): Node => {
  const call = CALLS.get(name)
  if (call === undefined) throw new NotCompiled(`\`${name}\``)
  const [first, second] = args
  if (args.length !== call.arity || first === undefined)
    return { run: miscounted(name, call.arity, args), boolean: false }
  return fold({ run: running(call, first.run, second?.run ?? first.run), boolean: call.boolean }, args)
}
