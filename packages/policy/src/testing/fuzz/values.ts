/** Values and their text, ordinary and at every edge. */
import { CedarDatetime, parseDatetime, parseDuration } from '../../compile/extensions/datetime.ts'
import { parseDecimal } from '../../compile/extensions/decimal.ts'
import { parseIp } from '../../compile/extensions/ipaddr.ts'
import { CedarRecord, CedarSet, type CedarValue, type Long, Uid } from '../../compile/values.ts'
import type { Choice } from './choice.ts'
import { type Fields, someType, type Type } from './universe.ts'

export const LONGS: readonly Long[] = [
  0,
  1,
  -1,
  2,
  3,
  7,
  100,
  -100,
  1000,
  86_400_000,
  4611686018427,
  9007199254740991,
  -9007199254740991,
  9007199254740992n,
  9007199254740993n,
  -9007199254740993n,
  4611686018427387904n,
  9223372036854775806n,
  9223372036854775807n,
  -9223372036854775807n,
  -9223372036854775808n,
]
export const TEXTS = [
  '',
  'a',
  'ab',
  'aab',
  'abab',
  '*',
  'a*b',
  '__proto__',
  'constructor',
  '😀é',
  'x"\\\n',
  '\u0000',
  '\ufeff',
  '\uffff',
  '1.0',
  '127.0.0.1',
] as const

/** Well-formed and not; what is not well-formed fails only in an expression. */
export const EXTENSION_TEXTS = {
  decimal: [
    '0.0',
    '1.0',
    '1.00',
    '-1.0',
    '-0.0',
    '-0.5',
    '0.1234',
    '12.3',
    '922337203685477.5807',
    '-922337203685477.5808',
    '007.5',
    '922337203685477.5808',
    '-922337203685477.5809',
    '1',
    '1.',
    '.5',
    '1.23456',
    '+1.0',
    '1.0 ',
    '1e1',
    '',
    '٣.0',
    '99999999999999999999.0',
    '1.٣',
  ],
  ipaddr: [
    '127.0.0.1',
    '127.0.0.1/8',
    '127.255.0.1/7',
    '10.0.0.0/8',
    '10.1.2.3',
    '10.1.2.3/32',
    '0.0.0.0/0',
    '224.0.0.1',
    '224.0.0.0/3',
    '239.1.1.1/4',
    '240.0.0.1',
    '255.255.255.255',
    '::1',
    '::1/128',
    '::1/127',
    '::',
    '::/0',
    'ff00::/8',
    'ff02::1',
    'fe00::/7',
    '2001:db8::/32',
    '2001:DB8:0:0:0:0:0:1',
    '1:2:3:4:5:6:7::',
    '::2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:8/64',
    '::ffff:7f00:1',
    '127.0.0.01',
    '256.0.0.1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.4/33',
    '1.2.3.4/08',
    '1.2.3.4/',
    '1.2.3.4/8/8',
    '::1/129',
    '::1/064',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    '::ffff:127.0.0.1',
    '::1.2',
    'fe80::1%eth0',
    '',
    ' 1.2.3.4',
    '[::1]',
    'ABCD:EF01:2345:6789:ABCD:EF01:2345:6789/128',
    '0000:0000:0000:0000:0000:0000:0000:0000/0128',
    'g::',
  ],
  datetime: [
    '1970-01-01',
    '2024-02-29',
    '2000-02-29',
    '0000-01-01',
    '0000-02-29',
    '0099-12-31',
    '9999-12-31',
    '1969-12-31T23:59:59.999Z',
    '2026-11-22T05:04:03Z',
    '2026-11-22T05:04:03.210Z',
    '2026-11-22T05:04:03+0130',
    '2026-11-22T05:04:03.001-2359',
    '0000-01-01T00:00:00+2359',
    '9999-12-31T23:59:59.999-2359',
    '2023-02-29',
    '1900-02-29',
    '2024-13-01',
    '2024-00-10',
    '2024-04-31',
    '2024-1-01',
    '2024-01-01T00:00:00',
    '2024-01-01T24:00:00Z',
    '2024-01-01T23:60:00Z',
    '2024-01-01T23:59:60Z',
    '2024-01-01T00:00:00+2400',
    '2024-01-01T00:00:00+0060',
    '2024-01-01T00:00:00.12Z',
    '2024-01-01T00:00:00.1234Z',
    '2024-01-01t00:00:00Z',
    '2024-01-01T00:00:00z',
    '2024-01-01 ',
    '+2024-01-01',
    '12024-01-01',
    '',
    '2024-01-01T00:00Z',
    '2024-01-01T00:00:00+01:00',
    '２024-01-01',
  ],
  duration: [
    '0ms',
    '1ms',
    '-1ms',
    '1s',
    '1m',
    '5m3ms',
    '1h',
    '1d',
    '-1d',
    '1d2h3m4s5ms',
    '-1d2h3m4s5ms',
    '00001d',
    '24h',
    '86400s',
    '9223372036854775807ms',
    '-9223372036854775808ms',
    '106751991167d',
    '-106751991167d',
    '106751991168d',
    '9223372036854775808ms',
    '-9223372036854775809ms',
    '106751991167d7h12m55s807ms',
    '106751991167d7h12m55s808ms',
    '-106751991167d7h12m55s808ms',
    '9223372036854775s808ms',
    '',
    '-',
    '1',
    'd',
    '1d1d',
    '1h1d',
    '1s1m',
    '--1d',
    '+1d',
    '1.5d',
    '1D',
    ' 1d',
    '99999999999999999999999d',
    '18446744073709551615ms',
    '1ms1s',
  ],
} as const

export type ExtensionKind = keyof typeof EXTENSION_TEXTS

const PARSERS = { decimal: parseDecimal, ipaddr: parseIp, datetime: parseDatetime, duration: parseDuration } as const

export const isExtension = (kind: Type['kind']): kind is ExtensionKind => Object.hasOwn(EXTENSION_TEXTS, kind)

const WELL_FORMED = new Map(
  (Object.keys(EXTENSION_TEXTS) as ExtensionKind[]).map((kind) => [
    kind,
    EXTENSION_TEXTS[kind].flatMap((text) => PARSERS[kind](text) ?? []),
  ]),
)

/** Times that no text spells. */
const FAR = [-9223372036854775808n, 9223372036854775807n, 9007199254740993n].map((ms) => new CedarDatetime(ms))

export const IDS = ['1', '2', '', '__proto__', 'é"\\'] as const
/** How many of them there are entities of. */
export const KNOWN_IDS = 2

export const uid = (choice: Choice, type: string): Uid =>
  new Uid(type, choice.chance(80) ? choice.pick(IDS.slice(0, KNOWN_IDS)) : choice.pick(IDS))

export const someRecord = (choice: Choice, fields: Fields, noise: number): CedarRecord =>
  CedarRecord.of(
    [...fields].flatMap(([name, { type, required }]) =>
      (required && !choice.chance(noise)) || choice.chance(50) ? [[name, someValue(choice, type, noise)] as const] : [],
    ),
  )

/** Of the type, but in `noise` of a hundred of any other. */
export const someValue = (choice: Choice, wanted: Type, noise: number): CedarValue => {
  const type = choice.chance(noise) ? someType(choice, 1) : wanted
  switch (type.kind) {
    case 'bool':
      return choice.chance(50)
    case 'long':
      return choice.pick(LONGS)
    case 'string':
      return choice.pick(TEXTS)
    case 'entity':
      return uid(choice, type.name)
    case 'set':
      return new CedarSet(choice.times(0, 3, () => someValue(choice, type.of, noise)))
    case 'record':
      return someRecord(choice, type.fields, noise)
    case 'datetime':
      return choice.pick([...(WELL_FORMED.get('datetime') ?? []), ...FAR])
    default:
      return choice.pick(WELL_FORMED.get(type.kind) ?? [])
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\u0000': '\\0' }

/** Cedar's text for a string. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
export const quoted = (text: string): string => `"${text.replace(/["\\\n\u0000]/g, (mark) => ESCAPES[mark] ?? mark)}"`

export const uidText = ({ type, id }: Uid): string => `${type}::${quoted(id)}`
