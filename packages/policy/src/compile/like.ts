/** `like`: literals between wildcards. */

/**
 * First and last literal are anchored, those between are found from left to right, which is enough, since taking the
 * earliest place never loses a match. Each place is looked at once, and `indexOf` is linear.
 */
export const likePattern = (literals: readonly string[]): ((text: string) => boolean) => {
  const first = literals[0] ?? ''
  if (literals.length <= 1) return (text) => text === first
  const last = literals.at(-1) ?? ''
  const between = literals.slice(1, -1).filter((literal) => literal !== '')
  const [only] = between
  if (last === '' && between.length === 1 && only !== undefined) {
    return (text) => text.startsWith(first) && text.indexOf(only, first.length) >= 0
  }
  if (last === '' && between.length === 0) return (text) => text.startsWith(first)
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (const literal of between) {
      const found = text.indexOf(literal, at)
      if (found < 0 || found + literal.length > end) return false
      at = found + literal.length
    }
    return true
  }
}
