/** One plain sentence for the caller: what was asked, and which rule answered. Names and ids only, never arguments. */
import type { AuthorizationDetails, Operation } from '@credence/model'
import type { Verdict } from './compile/program.ts'

const SHOWN = 8
const LONGEST = 120

/** Names come from callers and servers: shortened, and without what could fake another line of a log. */
const plain = (text: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  const clean = text.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?')
  return clean.length > LONGEST ? `${clean.slice(0, LONGEST)}…` : clean
}

const some = (names: readonly string[]): string =>
  names.length > SHOWN
    ? `${names.slice(0, SHOWN).map(plain).join(', ')} and ${names.length - SHOWN} more`
    : names.map(plain).join(', ')

export const asked = ({ method, name }: Pick<Operation, 'method' | 'name'>): string =>
  name === '' ? plain(method) : `${plain(method)} of "${plain(name)}"`

export const notGranted = (details: AuthorizationDetails, operation: Operation): string => {
  const here = details.filter(({ locations }) => locations[0] === operation.resource).flatMap(({ tools }) => tools)
  if (details.length === 0) return `Nothing was granted that allows ${asked(operation)}.`
  return here.length === 0
    ? `The grant does not cover this server, so it does not allow ${asked(operation)}.`
    : `The grant does not allow ${asked(operation)}; here it allows ${some(here)}.`
}

/** `policies`: those that ask. */
export const askReason = (policies: readonly string[], operation: Pick<Operation, 'method' | 'name'>): string => {
  const who = some(policies.map((id) => `\`${id}\``))
  return `A person must approve ${asked(operation)} first: ${policies.length === 1 ? 'policy' : 'policies'} ${who} ${policies.length === 1 ? 'asks' : 'ask'} for it.`
}

export const verdictReason = (verdict: Verdict, operation: Pick<Operation, 'method' | 'name'>): string => {
  const [first, ...others] = verdict.reasons
  if (first === undefined) {
    const skipped = verdict.errors.length === 0 ? '' : `; ${verdict.errors.length} could not be evaluated`
    return `No policy permits ${asked(operation)}${skipped}.`
  }
  const who = others.length === 0 ? `Policy \`${first}\`` : `Policies ${some(verdict.reasons.map((id) => `\`${id}\``))}`
  const verb = verdict.allow ? 'permit' : 'forbid'
  return `${who} ${others.length === 0 ? `${verb}s` : verb} ${asked(operation)}.`
}
