/** C2SP tlog-policy (main branch of November 2026): which logs, which witnesses, and how many of them are enough. */
import { refused } from '@credence/kit'
import { type NoteVerifier, parseVerifierKey, parseWitnessKey } from './note-key.ts'

export interface PolicyLog {
  readonly verifier: NoteVerifier
  readonly url?: string
}

export interface PolicyWitness extends PolicyLog {
  /** Of this file only. */
  readonly name: string
}

export interface TlogPolicy {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  /** Whether these witnesses, by their names in the file, are enough. */
  enough(cosigned: ReadonlySet<string>): boolean
}

const MOST_LINES = 1_000
const MOST_CHARACTERS = 262_144

type Rule = (cosigned: ReadonlySet<string>) => boolean

interface Reading {
  readonly logs: PolicyLog[]
  readonly witnesses: PolicyWitness[]
  readonly rules: Map<string, Rule>
  /** Names that stand in a group already: each counts in one way only. */
  readonly members: Set<string>
  /** Raw keys that were seen, by what they are for. */
  readonly keys: Set<string>
  quorum?: Rule
}

const wrong = (line: number, message: string) =>
  refused('tlog_policy_invalid', `Line ${line} of the witness policy: ${message}`, { status: 422 })

/** > Two vkeys are considered duplicate if they wrap the same underlying public key. */
const fresh = ({ keys }: Reading, kind: string, verifier: NoteVerifier, line: number): NoteVerifier => {
  const key = `${kind} ${verifier.publicKey.export({ format: 'jwk' }).x}`
  if (keys.has(key)) throw wrong(line, `this key of a ${kind} stands here twice.`)
  keys.add(key)
  return verifier
}

const newName = ({ rules }: Reading, name: string | undefined, line: number): string => {
  if (name === undefined || name === 'none' || rules.has(name)) {
    throw wrong(line, `${name ?? 'a name'} is missing, reserved or taken.`)
  }
  return name
}

const keyOf = (parse: (text: string) => NoteVerifier, text: string | undefined, line: number): NoteVerifier => {
  try {
    return parse(text ?? '')
  } catch {
    throw wrong(line, 'there is no key of the right kind (name+id+base64).')
  }
}

const at = (url: string | undefined): { readonly url?: string } => (url === undefined ? {} : { url })

const readLog = (reading: Reading, [key, url]: readonly string[], line: number): void => {
  reading.logs.push({ verifier: fresh(reading, 'log', keyOf(parseVerifierKey, key, line), line), ...at(url) })
}

const readWitness = (reading: Reading, [given, key, url]: readonly string[], line: number): void => {
  const name = newName(reading, given, line)
  const verifier = fresh(reading, 'witness', keyOf(parseWitnessKey, key, line), line)
  reading.witnesses.push({ name, verifier, ...at(url) })
  reading.rules.set(name, (cosigned) => cosigned.has(name))
}

const threshold = (word: string | undefined, members: number, line: number): number => {
  if (word === 'any') return 1
  if (word === 'all') return members
  const k = Number(word)
  if (!/^[1-9][0-9]*$/.test(word ?? '') || k > members)
    throw wrong(line, 'the threshold is `any`, `all` or 1 to the number of members.')
  return k
}

const ruleOf = ({ rules }: Reading, name: string, line: number): Rule => {
  const rule = rules.get(name)
  if (rule === undefined) throw wrong(line, `${name} is not defined above.`)
  return rule
}

const readGroup = (reading: Reading, [given, word, ...names]: readonly string[], line: number): void => {
  const name = newName(reading, given, line)
  if (names.length === 0) throw wrong(line, 'a group has at least one member.')
  const k = threshold(word, names.length, line)
  const rules = names.map((member) => {
    if (reading.members.has(member)) throw wrong(line, `${member} is a member of a group already.`)
    reading.members.add(member)
    return ruleOf(reading, member, line)
  })
  reading.rules.set(name, (cosigned) => rules.filter((rule) => rule(cosigned)).length >= k)
}

const readQuorum = (reading: Reading, [name = '', ...more]: readonly string[], line: number): void => {
  if (reading.quorum !== undefined || more.length > 0) throw wrong(line, 'there is exactly one quorum, of one name.')
  reading.quorum = name === 'none' ? () => true : ruleOf(reading, name, line)
}

const READERS: ReadonlyMap<string, readonly [most: number, read: typeof readLog]> = new Map([
  ['log', [2, readLog]],
  ['witness', [3, readWitness]],
  ['group', [MOST_LINES, readGroup]],
  ['quorum', [2, readQuorum]],
])

/** Throws `refused` (422) that names the line. */
export const parseTlogPolicy = (text: string): TlogPolicy => {
  const lines = text.split('\n')
  if (lines.length > MOST_LINES || text.length > MOST_CHARACTERS) throw wrong(lines.length, 'the file is too long.')
  const reading: Reading = { logs: [], witnesses: [], rules: new Map(), members: new Set(), keys: new Set() }
  for (const [number, content] of lines.entries()) {
    const line = number + 1
    if (/[^\t\x20-\x7e\x80-\uffff]/.test(content)) throw wrong(line, 'there is a control character.')
    const [word = '', ...items] = content.split(/[ \t]+/).filter((item) => item !== '')
    if (word === '' || word.startsWith('#')) continue
    const [most, read] = READERS.get(word) ?? []
    if (read === undefined || items.length > (most ?? 0))
      throw wrong(line, `${word} is not known, or has too many items.`)
    read(reading, items, line)
  }
  const { logs, witnesses, quorum } = reading
  if (quorum === undefined) throw wrong(lines.length, 'there is no quorum (`quorum none` asks for no witness).')
  return { logs, witnesses, enough: quorum }
}
