/**
 * The conditions of `policy-world.ts` in the words of others. `contains` says how the language asks whether a list has a
 * member, `starts` whether a text begins so, `within` whether it holds another.
 */
import type { Rule } from '../servers/policy-world.ts'

export interface Words {
  /** Where principal, resource and context are. */
  readonly root: string
  readonly contains: (list: string, item: string) => string
  readonly starts: (text: string, with_: string) => string
  readonly within: (text: string, part: string) => string
}

const permits = ({ root, contains, starts, within }: Words, n: number): string => {
  const [principal, resource, context] = [`${root}principal`, `${root}resource`, `${root}context`]
  const forms = [
    () => `${context}.granted && ${context}.proof != "none"`,
    () => `${context}.arguments.amount <= ${(n * 37) % 400}`,
    () => `${contains(`${context}.scopes`, `"s${n % 7}"`)} && ${principal}.status == "active"`,
    () =>
      `${resource}.registered && (${resource}.effect == "read" || ${resource}.effect == "write") && ${context}.depth < ${(n % 3) + 1}`,
    () => `${starts(`${context}.client`, '"https://"')} && ${within(`${context}.client`, `".team${n % 50}.example/"`)}`,
    () => `${starts(`${resource}.name`, `"tool_${n % 10}"`)} && !${context}.consequential`,
  ]
  return (forms[n % forms.length] as () => string)()
}

const forbids = ({ root }: Words, n: number): string => {
  const context = `${root}context`
  const forms = [
    () => `${context}.depth > ${6 + (n % 3)}`,
    () => `${context}.proof == "none" && ${context}.consequential && ${context}.depth > ${n % 4}`,
    () => `${context}.arguments.amount > ${2000 + n}`,
  ]
  return (forms[n % forms.length] as () => string)()
}

export const conditionIn = (words: Words, { n, forbid }: Rule): string =>
  forbid ? forbids(words, n) : permits(words, n)

/** The first policy of every set. */
export const limitIn = ({ root }: Words): string => `${root}context.arguments.amount > 500`
