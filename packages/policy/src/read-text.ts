/** Files to statements that are small and shallow enough to be given to cedar-wasm. */
import { PORTION, type Portions } from './compile/portions.ts'
import type { PolicyProblem } from './problem.ts'
import type { PolicyOrigin } from './snapshot.ts'
import type { PolicyFile } from './source.ts'
import { LexError } from './text/lexer.ts'
import { positionAt, utf16Offset } from './text/position.ts'
import { type SlotName, type Statement, statementsOf } from './text/statements.ts'

/**
 * cedar-wasm traps for good at about 100 nested brackets and 400 terms of a chain (measured with 4.13.0), so it never
 * sees more than a third of that.
 */
export const LIMITS = {
  brackets: 32,
  height: 160,
  policyChars: 64 * 1024,
  setChars: 8 * 1024 * 1024,
  policies: 20_000,
} as const

/** One policy, not parsed yet. */
export interface Draft {
  readonly file: PolicyFile
  readonly origin: PolicyOrigin
  readonly defaultId: string
  readonly text: string
  readonly offset: number
  readonly line: number
  readonly slots: readonly SlotName[]
}

/** `bytes`: offset in UTF-8 from the beginning of the statement. */
export const problemAt = (
  draft: Pick<Draft, 'file' | 'text' | 'offset'>,
  bytes: number,
  code: string,
  message: string,
  hint?: string,
  severity: 'error' | 'warning' = 'error',
): PolicyProblem => {
  const position = positionAt(draft.file.text, draft.offset + utf16Offset(draft.text, bytes))
  return { code, severity, file: draft.file.name, ...position, message, ...(hint === undefined ? {} : { hint }) }
}

/** What is wrong with a statement before anybody parses it: code, message, hint, offset. */
const tooMuch = (statement: Statement): readonly [string, string, string, number] | undefined => {
  const { depth, text } = statement
  if (text.length > LIMITS.policyChars) return ['too_large', 'This policy is too long.', 'split it into several', 0]
  if (depth.brackets > LIMITS.brackets) {
    return ['too_deep', `Brackets are nested more than ${LIMITS.brackets} deep.`, 'split the policy', depth.at]
  }
  if (depth.height > LIMITS.height) {
    return [
      'too_deep',
      'This condition is a longer chain than is allowed.',
      'use a set with contains, or split the policy',
      depth.at,
    ]
  }
  if (!statement.complete) return ['parse', 'This policy does not end.', 'a policy ends with `;`', 0]
  return undefined
}

const newLines = (text: string, from: number, to: number): number => {
  let count = 0
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count++
  return count
}

type Counted = Pick<Draft, 'file' | 'origin'> & { readonly problems: PolicyProblem[] }

function* draftsOf({ file, origin, problems }: Counted): Portions<Draft[]> {
  const drafts: Draft[] = []
  // From statement to statement: counting each from the beginning would take the square of the file's length.
  let line = 1
  let counted = 0
  let index = 0
  for (const statement of statementsOf(file.text)) {
    const { text, offset, slots } = statement
    line += newLines(file.text, counted, offset)
    counted = offset
    index++
    if (index % PORTION === 0) yield
    const draft = { file, origin, defaultId: `${file.name}#${index}`, text, offset, line, slots }
    const wrong = tooMuch(statement)
    if (wrong === undefined) {
      drafts.push(draft)
      continue
    }
    const [code, message, hint, at] = wrong
    problems.push(problemAt(draft, Buffer.byteLength(text.slice(0, at)), code, message, hint))
  }
  return drafts
}

/** Of a file with something in it that is not Cedar nothing is taken, and nothing else is said. */
function* draftFile(file: PolicyFile, origin: PolicyOrigin, problems: PolicyProblem[]): Portions<Draft[]> {
  const found: PolicyProblem[] = []
  try {
    const drafts = yield* draftsOf({ file, origin, problems: found })
    problems.push(...found)
    return drafts
  } catch (error) {
    if (!(error instanceof LexError)) throw error
    const { message, offset } = error
    problems.push({ code: 'parse', severity: 'error', file: file.name, ...positionAt(file.text, offset), message })
    return []
  }
}

/** Policies that may go to cedar-wasm; what may not is reported. */
export function* drafting(
  system: readonly PolicyFile[],
  user: readonly PolicyFile[],
  problems: PolicyProblem[],
): Portions<Draft[]> {
  const tooLarge = (message: string): Draft[] => {
    problems.push({ code: 'too_large', severity: 'error', file: user[0]?.name ?? '', line: 1, column: 1, message })
    return []
  }
  const size = user.reduce((sum, { text }) => sum + text.length, 0)
  if (size > LIMITS.setChars) return tooLarge('The policies together are too large.')
  const drafts: Draft[] = []
  for (const file of system) drafts.push(...(yield* draftFile(file, 'system', problems)))
  for (const file of user) drafts.push(...(yield* draftFile(file, 'user', problems)))
  return drafts.length > LIMITS.policies ? tooLarge(`There are more than ${LIMITS.policies} policies.`) : drafts
}
