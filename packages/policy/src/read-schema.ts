/** The built-in schema and a folder's extension as one text. */
import type { CedarProblem } from './cedar/messages.ts'
import type { PolicyProblem } from './problem.ts'
import { LIMITS } from './read-text.ts'
import type { PolicyFile } from './source.ts'
import { LexError, type Token, tokenize } from './text/lexer.ts'
import { positionAt, utf16Offset } from './text/position.ts'
import { depthOf } from './text/statements.ts'

export interface CombinedSchema {
  readonly text: string
  readonly builtIn: string
  readonly user: PolicyFile | undefined
}

const NO_ARGUMENTS = 'type Arguments = {};\n'

/** Does the text say `type Arguments` outside every namespace? */
const declaresArguments = (tokens: readonly Token[]): boolean => {
  let depth = 0
  return tokens.some(({ text }, index) => {
    if (text === '{') depth++
    if (text === '}') depth--
    return depth === 0 && text === 'type' && tokens[index + 1]?.text === 'Arguments'
  })
}

export const combineSchema = (
  builtIn: string,
  user: PolicyFile | undefined,
  problems: PolicyProblem[],
): CombinedSchema | undefined => {
  if (user === undefined) return { text: builtIn + NO_ARGUMENTS, builtIn: builtIn + NO_ARGUMENTS, user }
  const wrong = (offset: number, code: string, message: string): undefined => {
    problems.push({ code, severity: 'error', file: user.name, ...positionAt(user.text, offset), message })
  }
  if (user.text.length > LIMITS.setChars) return wrong(0, 'too_large', 'The schema is too large.')
  try {
    const tokens = tokenize(user.text)
    const depth = depthOf(tokens)
    if (depth.brackets > LIMITS.brackets)
      return wrong(depth.at, 'too_deep', `Types are nested more than ${LIMITS.brackets} deep.`)
    const before = declaresArguments(tokens) ? builtIn : builtIn + NO_ARGUMENTS
    return { text: before + user.text, builtIn: before, user }
  } catch (error) {
    if (error instanceof LexError) return wrong(error.offset, 'schema', error.message)
    throw error
  }
}

const PREFIX = /^failed to parse schema from string: (?:error parsing schema: )?/

/** Of several places the last one in the folder's own file: that is where something was declared again. */
export const schemaProblems = (schema: CombinedSchema, found: readonly CedarProblem[]): PolicyProblem[] =>
  found.map(({ message, help, label, starts }) => {
    const offsets = starts.map((bytes) => utf16Offset(schema.text, bytes) - schema.builtIn.length)
    const position = positionAt(schema.user?.text ?? '', Math.max(0, ...offsets))
    const hint = help ?? label
    return {
      code: 'schema',
      severity: 'error',
      file: schema.user?.name ?? 'credence.cedarschema',
      ...position,
      message: message.replace(PREFIX, ''),
      ...(hint === null ? {} : { hint }),
    }
  })
