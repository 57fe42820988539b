/**
 * Portable SQL has `?` for every parameter; PostgreSQL wants `$1`, `$2`. A question mark inside a literal, a quoted
 * name or a comment is not a parameter.
 */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\?/g

export const numberPlaceholders = (sql: string): string => {
  let number = 0
  return sql.replace(TOKEN, (token) => {
    if (token !== '?') return token
    number += 1
    return `$${number}`
  })
}

/** For looking at the words of a statement: literals, quoted names and comments are gone. */
export const withoutLiterals = (sql: string): string => sql.replace(TOKEN, (token) => (token === '?' ? token : ' '))
